"""The train stage: its files, its devices, and the same bits on one replica and on two."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lockstep.data.spec import load_examples
from lockstep.errors import MachineError, ParamsError
from lockstep.runtime import devices
from tasks import train
from tests.support.trainings import digests
from tests.support.workspaces import change_params, run_stages, stage

FALL = {"initial_learning_rate": 0.01, "decay_steps": 1, "decay_rate": 0.5}
OWN = """
from pathlib import Path

import keras


def crossentropy(y_true, y_pred, power):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) ** power


class Hits(keras.metrics.SparseCategoricalAccuracy):
    def __init__(self):
        super().__init__(name="hits")


class Note(keras.callbacks.Callback):
    def __init__(self, path):
        super().__init__()
        self.path = Path(path)

    def on_train_batch_end(self, batch, logs=None):
        with self.path.open("a") as file:
            file.write(f"{batch}\\n")
"""


def history(root: Path) -> list[dict[str, str]]:
    with (root / "report" / "history.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


def losses(root: Path, **changes: Any) -> list[str]:
    """The training losses of ten steps with these parameters changed."""
    few = {"train.epochs": None, "train.steps": 10, "train.jit_compile": False}
    train.train(change_params(root, {**few, **changes}), root)
    return [row["loss"] for row in history(root)]


@pytest.fixture(scope="module")
def trained(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The training losses without any change."""
    copy = tmp_path_factory.mktemp("trained") / "lockstep"
    return losses(Path(shutil.copytree(prepared, copy)))


@pytest.mark.parametrize("replicas", [1, 2])
def test_training_leaves_weights_and_history_the_same_twice(ready: Path, replicas: int) -> None:
    values = change_params(ready, {"train.replicas": replicas})
    train.train(values, ready)
    first = digests(ready)
    assert set(first) == {"best.weights.h5", "last.weights.h5", "history.csv"}
    rows = history(ready)
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    train.train(values, ready)
    assert digests(ready) == first


@pytest.mark.system
def test_weights_are_saved_without_the_optimizer(ready: Path) -> None:
    train.train(change_params(ready, {}), ready)
    with h5py.File(ready / "weights" / "last.weights.h5") as file:
        assert "layers" in file
        assert "optimizer" not in file


@pytest.mark.system
def test_the_best_weights_are_those_of_the_lowest_validation_loss(ready: Path) -> None:
    changes = {"train.epochs": 4, "train.learning_rate": 0.3, "train.optimizer": "sgd"}
    train.train(change_params(ready, changes), ready)
    losses = [float(row["val_loss"]) for row in history(ready)]
    best = losses.index(min(losses)) + 1
    expected = (ready / "weights" / "best.weights.h5").read_bytes()
    train.train(change_params(ready, {"train.epochs": best}), ready)
    assert (ready / "weights" / "last.weights.h5").read_bytes() == expected


@pytest.mark.system
@pytest.mark.parametrize(
    ("monitor", "mode", "best"), [("val_accuracy", "auto", max), ("loss", "max", max)]
)
def test_the_best_weights_are_those_of_the_monitored_metric(
    ready: Path, monitor: str, mode: str, best: Any
) -> None:
    changes = {"train.epochs": 4, "train.learning_rate": 0.3, "train.optimizer": "sgd"}
    monitored = {"train.monitor": monitor, "train.mode": mode}
    train.train(change_params(ready, {**changes, **monitored}), ready)
    found = [float(row[monitor]) for row in history(ready)]
    epoch = found.index(best(found)) + 1
    expected = (ready / "weights" / "best.weights.h5").read_bytes()
    train.train(change_params(ready, {"train.epochs": epoch}), ready)
    assert (ready / "weights" / "last.weights.h5").read_bytes() == expected


@pytest.mark.system
def test_the_best_weights_of_a_fold_are_those_of_the_monitored_metric(ready: Path) -> None:
    changes = {
        "data.folds": 3, "data.fold": 2, "train.monitor": "val_accuracy", "train.epochs": 3,
        "train.learning_rate": 0.3, "train.optimizer": "sgd",
    }  # fmt: skip
    params = change_params(ready, changes)
    run_stages(ready, "normalize", "build", "train")
    found = [float(row["val_accuracy"]) for row in history(ready)]
    epoch = found.index(max(found)) + 1
    expected = (ready / "weights" / "best.weights.h5").read_bytes()
    train.train(change_params(ready, {"train.epochs": epoch}), ready)
    assert (ready / "weights" / "last.weights.h5").read_bytes() == expected
    assert params.data.folds == 3


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"train.monitor": "val_hits"}, "got 'val_hits', a metric with no known direction"),
        ({"train.monitor": "val_acuracy", "train.mode": "max"}, "did you mean val_accuracy"),
    ],
)
def test_a_metric_that_cannot_be_monitored(ready: Path, changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ParamsError, match=f"^train.monitor: .*{line}"):
        train.train(change_params(ready, changes), ready)


@pytest.mark.system
def test_parameters_reach_optimizer_loss_metrics_and_callbacks(ready: Path) -> None:
    changes = {
        "train.optimizer": {"name": "sgd", "momentum": 0.9},
        "train.metrics": ["accuracy", {"name": "sparse_top_k_categorical_accuracy", "k": 2}],
        "train.callbacks": [
            {"name": "ReduceLROnPlateau", "monitor": "loss", "min_delta": 100, "patience": 1}
        ],
        "train.epochs": 3,
    }
    train.train(change_params(ready, changes), ready)
    rows = history(ready)
    assert "val_sparse_top_k_categorical_accuracy" in rows[0]
    assert float(rows[2]["learning_rate"]) < float(rows[0]["learning_rate"])


def points(logs: Path, tag: str) -> list[int]:
    """The steps of a tag in TensorBoard, in the order in which they were written."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(logs), size_guidance={"tensors": 0}, purge_orphaned_data=False)
    events.Reload()
    return [each.step for each in events.Tensors(tag)]


CUT = """
import keras, pathlib
class Cut(keras.callbacks.Callback):
    def __init__(self, mark):
        super().__init__()
        self.mark = pathlib.Path(mark)
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 4 and not self.mark.exists():
            self.mark.touch()
            raise KeyboardInterrupt
"""


@pytest.mark.system
def test_tensorboard_shows_epochs_from_1_and_no_step_twice(ready: Path) -> None:
    (ready / "cut.py").write_text(CUT)
    callback = {"name": "custom.Cut", "mark": str(ready / "mark")}
    changes = {
        "train.epochs": 5, "train.snapshot_seconds": 0, "train.log_steps": 10,
        "train.custom_objects_file": "cut.py", "train.callbacks": [callback],
    }  # fmt: skip
    params = change_params(ready, changes)
    with pytest.raises(KeyboardInterrupt):
        train.train(params, ready)
    (logs,) = (ready / "logs").iterdir()
    # From epochs=5, which is among what differs from HEAD.
    assert logs.name.startswith("epochs=5 ") or " epochs=5 " in logs.name
    assert points(logs / "validation", "epoch_loss") == [1, 2, 3, 4]
    # As if the last snapshot were from before the fourth epoch.
    shutil.rmtree(next(ready.glob(".lockstep/snapshots/*/000004")))
    train.train(params, ready)
    assert list((ready / "logs").iterdir()) == [logs]
    for kind in ("train", "validation"):
        assert points(logs / kind, "epoch_loss") == [1, 2, 3, 4, 5]
    steps = points(logs / "steps", "step_loss")
    assert steps == sorted(set(steps))
    rows = (ready / "report" / "steps.csv").read_text().splitlines()[1:]
    assert steps == [int(row.split(",")[1]) for row in rows]


@pytest.mark.system
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("order", "sequential"),
        ("class_weight", {"3": 5.0}),
        ("augmentation", [{"name": "GaussianNoise", "stddev": 0.5}]),
        ("precision", "mixed_bfloat16"),
        ("learning_rate", {"name": "ExponentialDecay", **FALL}),
    ],
)
def test_a_parameter_changes_the_training(
    ready: Path, trained: list[str], key: str, value: Any
) -> None:
    assert losses(ready, **{f"train.{key}": value}) != trained


@pytest.mark.parametrize(("key", "value"), [("steps_per_execution", 1), ("memory_growth", False)])
def test_a_parameter_changes_no_result(
    ready: Path, trained: list[str], key: str, value: Any
) -> None:
    assert losses(ready, **{f"train.{key}": value}) == trained


@pytest.mark.system
def test_the_custom_objects_file_is_used_in_training_and_evaluation(ready: Path) -> None:
    (ready / "mine.py").write_text(OWN)
    changes = {
        "train.custom_objects_file": "mine.py",
        "train.loss": {"name": "custom.crossentropy", "power": 2.0},
        "train.metrics": ["accuracy", "custom.Hits"],
        "train.callbacks": [{"name": "custom.Note", "path": str(ready / "notes")}],
        "train.steps_per_execution": 30,
    }
    change_params(ready, changes)
    run_stages(ready, "train", "evaluate")
    (_, last) = history(ready)
    assert last["hits"] == last["accuracy"]
    assert (ready / "notes").read_text().split() == ["29", "39", "40"] * 2
    found = json.loads((ready / "report" / "metrics.json").read_text())["test"]
    assert found["hits"] == found["accuracy"]
    outputs, labels = np.load(ready / "report" / "outputs.npy"), load_examples(ready, "test").y
    belief = outputs[np.arange(len(labels)), labels]
    assert found["loss"] == pytest.approx((np.log(belief) ** 2).mean(), abs=1e-4)


@pytest.mark.parametrize(
    ("part", "value", "line"),
    [
        ("optimizer", {"name": "sgd", "momentm": 0.9}, "train.optimizer: SGD: .*momentm"),
        ("loss", {"name": "huber", "dleta": 1.0}, "train.loss: Huber: .*dleta"),
        ("callbacks", [{"name": "EarlyStopping", "patienc": 1}], "train.callbacks: EarlyStopping"),
    ],
)
def test_an_argument_unknown_to_keras(ready: Path, part: str, value: Any, line: str) -> None:
    with pytest.raises(ParamsError, match=line):
        train.train(change_params(ready, {f"train.{part}": value}), ready)


def test_too_many_replicas_are_reported_before_tensorflow_is_imported(ready: Path) -> None:
    change_params(ready, {"train.replicas": 64, "train.batch_size": 64})
    ended = stage(ready, "train", LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow")
    assert ended.returncode == 4
    there = ", ".join(devices.names())
    assert ended.stdout.startswith("train: train.replicas: got 64, expected at most")
    assert ended.stdout.endswith(f"this machine has {there}\n")


def test_a_batch_that_does_not_divide_names_the_nearest(ready: Path) -> None:
    change_params(ready, {"train.replicas": 2, "train.batch_size": 33})
    ended = stage(ready, "train", LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow")
    assert ended.returncode == 2
    assert ended.stdout == (
        "train: train.batch_size: got 33, which 2 replicas can't share evenly, expected 32 or 34\n"
    )


def test_gpus_are_counted_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [Path(f"/dev/nvidia{name}") for name in ("0", "1", "2", "ctl")]
    monkeypatch.setattr(Path, "glob", lambda self, pattern: files)
    assert devices.names() == ["GPU:0", "GPU:1", "GPU:2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert devices.names() == ["GPU:0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-8932f937,-1,0")
    assert devices.names() == ["GPU:0", "GPU:1"]
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert devices.names()[0] == "CPU:0"


def test_a_process_has_a_device_for_each_core(tensorflow: Any) -> None:
    from lockstep.runtime.strategy import start_runtime

    count = len(devices.names())
    with pytest.raises(MachineError, match=f"got {count + 1}, but TensorFlow sees /"):
        start_runtime(0, count + 1)
