"""Phases of a training: other frozen layers, optimizers and rates, in one exact history."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import load_examples, read_spec
from lockstep.errors import ParamsError
from lockstep.training.loop import Loop
from tasks import train
from tests.support.loops import assert_close
from tests.support.trainings import Cut, digests
from tests.support.workspaces import change_params, with_values

pytestmark = pytest.mark.system

PHASES = [
    {"epochs": 2, "freeze": "conv2d*", "optimizer": {"name": "sgd", "learning_rate": 0.1}},
    {"epochs": 2, "learning_rate": 1e-4},
]
CHANGES: dict[str, Any] = {
    "train.epochs": None, "train.phases": PHASES, "train.snapshot_seconds": 0,
    "model.name": "cnn", "model.cnn": {"filters": [4], "units": 8, "dropout": 0.2},
    "train.callbacks": [{"name": "EarlyStopping", "patience": 5}, "CSVLogger"],
}  # fmt: skip


def rows(root: Path) -> list[dict[str, str]]:
    with (root / "report" / "history.csv").open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def small(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose initial weights are those of the small model."""
    import shutil

    from tests.support.workspaces import run_stages

    root = tmp_path_factory.mktemp("phases") / "lockstep"
    shutil.copytree(prepared, root)
    change_params(root, CHANGES)
    return run_stages(root, "build")


@pytest.fixture
def project(small: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(small, tmp_path / "project"))


def test_phases_train_as_a_script_that_compiles_twice(project: Path) -> None:
    import keras

    from lockstep.modeling import preprocessing
    from lockstep.modeling.model import make_model_with
    from lockstep.runtime.strategy import start_runtime
    from lockstep.training.order import batches_of_epoch

    values = change_params(
        project, {"model.cnn.dropout": 0.0, "train.callbacks": ["TerminateOnNaN"]}
    )
    train.train(values, project)
    start_runtime(0)
    spec, examples = read_spec(project), load_examples(project, "train")
    model = make_model_with(values, spec, project / "weights" / "initial.weights.h5")
    x = preprocessing.layers(spec)(np.asarray(examples.x)).numpy()
    for phase, optimizer in enumerate((keras.optimizers.SGD(0.1), keras.optimizers.Adam(1e-4))):
        for layer in model.layers:
            layer.trainable = phase == 1 or not layer.name.startswith("conv2d")
        model.compile(optimizer, "sparse_categorical_crossentropy")
        for epoch in (2 * phase, 2 * phase + 1):
            for order in batches_of_epoch("shuffle", examples.size, 32, 0, epoch):
                for batch in order:
                    model.train_on_batch(x[batch], np.asarray(examples.y)[batch])
    last = make_model_with(values, spec, project / "weights" / "last.weights.h5")
    assert_close(last.get_weights(), model.get_weights(), 1e-4)
    assert [row["epoch"] for row in rows(project)] == ["1", "2", "3", "4"]
    rates = [float(row["learning_rate"]) for row in rows(project)]
    assert rates == pytest.approx([0.1, 0.1, 1e-4, 1e-4])


def test_a_phase_leaves_frozen_layers_as_they_are(project: Path) -> None:
    import h5py

    values = change_params(project, {"train.phases": PHASES[:1]})
    train.train(values, project)
    found = []
    for name in ("initial", "last"):
        with h5py.File(project / "weights" / f"{name}.weights.h5") as file:
            found.append((file["layers/conv2d/vars/0"][()], file["layers/dense/vars/0"][()]))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert (found[0][1] != found[1][1]).any()


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_killed_training_goes_on_in_its_phase(
    project: Path, small: Path, tmp_path: Path, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    whole = Path(shutil.copytree(small, tmp_path / "whole"))
    train.train(change_params(whole, {}), whole)
    original = Loop._train_epoch
    trained: list[int] = []

    def cut(self: Any, data: Any, batches: Any, number: int, hooks: Any) -> Any:
        trained.append(number)
        if number == epoch and len(trained) == epoch + 1:
            for callback in hooks.callbacks:  # as the end of a process does
                if hasattr(callback, "csv_file"):
                    callback.csv_file.close()
            raise Cut
        return original(self, data, batches, number, hooks)

    monkeypatch.setattr(Loop, "_train_epoch", cut)
    with pytest.raises(Cut):
        train.train(change_params(project, {}), project)
    for name in ("best", "last"):
        (project / "weights" / f"{name}.weights.h5").unlink(missing_ok=True)
    train.train(change_params(project, {}), project)
    assert trained == [*range(epoch + 1), *range(epoch, 4)]
    assert digests(project) == digests(whole)
    snapshots = [root / "weights" / "snapshot" / "facts.json" for root in (project, whole)]
    assert snapshots[0].read_bytes() == snapshots[1].read_bytes()
    logs = [next(root.glob("checkpoints/*/log.csv")).read_text() for root in (project, whole)]
    assert logs[0] == logs[1]
    assert len(logs[0].splitlines()) == 5


def test_a_callback_ends_its_phase(project: Path) -> None:
    stopping = {"name": "EarlyStopping", "monitor": "loss", "patience": 0, "min_delta": 100}
    train.train(change_params(project, {"train.callbacks": [stopping]}), project)
    # Each phase ends after its second epoch, the first that can be no better than one before.
    assert [row["epoch"] for row in rows(project)] == ["1", "2", "3", "4"]
    long = [{**each, "epochs": 5} for each in PHASES]
    train.train(change_params(project, {"train.phases": long}), project)
    assert [row["epoch"] for row in rows(project)] == ["1", "2", "3", "4"]


def test_best_is_chosen_over_all_phases(project: Path) -> None:
    phases = [{"epochs": 2}, {"epochs": 1, "learning_rate": 10.0}]
    values = change_params(project, {"train.phases": phases, "train.callbacks": ["TerminateOnNaN"]})
    train.train(values, project)
    losses = [float(row["val_loss"]) for row in rows(project)]
    assert losses.index(min(losses)) < 2
    best = (project / "weights" / "best.weights.h5").read_bytes()
    shorter = [{"epochs": losses.index(min(losses)) + 1}]
    train.train(change_params(project, {"train.phases": shorter}), project)
    assert (project / "weights" / "last.weights.h5").read_bytes() == best


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.epochs": 3}, "train: got phases with epochs 3 and steps None, expected null for"),
        ({"train.phases": [{"freeze": "a"}]}, r"train.phases\[0\].epochs: missing, expected a"),
        ({"train.phases": [{"epochs": 1, "rate": 2}]}, r"train.phases\[0\].rate: unknown key"),
    ],
)
def test_mistakes_in_phases_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        with_values({"train.epochs": None, "train.phases": PHASES, **changes})
