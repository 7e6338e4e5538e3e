"""The train stage: its files, its devices, and the same bits on one replica and on two."""

import csv
import hashlib
from pathlib import Path
from typing import Any

import h5py
import pytest

from errors import MachineError, ParamsError
from tasks import _devices, train
from tests.conftest import change_params, stage


def digests(root: Path) -> dict[str, str]:
    files = [*root.glob("weights/[bl]*.h5"), root / "report" / "history.csv"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def history(root: Path) -> list[dict[str, str]]:
    with (root / "report" / "history.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


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


def test_weights_are_saved_without_the_optimizer(ready: Path) -> None:
    train.train(change_params(ready, {}), ready)
    with h5py.File(ready / "weights" / "last.weights.h5") as file:
        assert "layers" in file
        assert "optimizer" not in file


def test_the_best_weights_are_those_of_the_lowest_validation_loss(ready: Path) -> None:
    changes = {"train.epochs": 4, "train.learning_rate": 0.3, "train.optimizer": "sgd"}
    train.train(change_params(ready, changes), ready)
    losses = [float(row["val_loss"]) for row in history(ready)]
    best = losses.index(min(losses)) + 1
    expected = (ready / "weights" / "best.weights.h5").read_bytes()
    train.train(change_params(ready, {"train.epochs": best}), ready)
    assert (ready / "weights" / "last.weights.h5").read_bytes() == expected


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


def test_tensorboard_can_read_the_logs(ready: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train.train(change_params(ready, {}), ready)
    (logs,) = (ready / "logs").iterdir()
    events = EventAccumulator(str(logs / "validation"))
    events.Reload()
    assert "epoch_loss" in events.Tags()["tensors"]


@pytest.mark.parametrize(
    ("part", "value", "line"),
    [
        ("optimizer", {"name": "sgd", "momentm": 0.9}, "train.optimizer: SGD: .*momentm"),
        ("loss", {"name": "huber", "dleta": 1.0}, "train.loss: Huber: .*dleta"),
        ("callbacks", [{"name": "EarlyStopping", "patienc": 1}], "train.callbacks: EarlyStopping"),
    ],
)
def test_an_argument_that_keras_does_not_know(
    ready: Path, part: str, value: Any, line: str
) -> None:
    with pytest.raises(ParamsError, match=line):
        train.train(change_params(ready, {f"train.{part}": value}), ready)


def test_more_replicas_than_devices_is_told_before_tensorflow(ready: Path) -> None:
    change_params(ready, {"train.replicas": 64, "train.batch_size": 64})
    ended = stage(ready, "train", LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow")
    assert ended.returncode == 4
    devices = ", ".join(_devices.names())
    assert ended.stdout.startswith("train: train.replicas: got 64, expected at most")
    assert ended.stdout.endswith(f"this machine has {devices}\n")


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
    assert _devices.names() == ["GPU:0", "GPU:1", "GPU:2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert _devices.names() == ["GPU:0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert _devices.names()[0] == "CPU:0"


def test_a_process_has_a_device_for_each_core(tensorflow: Any) -> None:
    from tasks import _runtime

    count = len(_devices.names())
    with pytest.raises(MachineError, match=f"got {count + 1}, but TensorFlow sees /"):
        _runtime.start(0, count + 1)
