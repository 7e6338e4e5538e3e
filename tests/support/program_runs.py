"""Programs in the manner of Keras's examples: set up, run as a script, cut off and resumed."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

from lockstep.config.phases import phases_of
from lockstep.data.spec import as_dict, load_examples, read_spec
from lockstep.storage import layout
from lockstep.training.snapshots import ARRAYS, METADATA
from tasks import train
from tests.support.trainings import Cut
from tests.support.workspaces import REPOSITORY, change_params, load, run_stages

PROGRAMS = REPOSITORY / "tests" / "support" / "programs"
Values = dict[str, Any]


class Program(NamedTuple):
    """Parameters, the file that is served with its targets, and the expected metrics by name.

    `columns` are those of `lockstep predict`'s table that the metrics take.
    """

    values: Values
    served: Path
    y: np.ndarray
    columns: list[str]
    metrics: dict[str, Any]
    metric: str  # compared with the plain script's in the last epoch
    noise: float


def set_up(
    make: Callable[..., Path], values: Values, patch: pytest.MonkeyPatch, until: str
) -> Path:
    """A workspace with the program's own model file, if it has one, ready for training."""
    model = values["model.name"]
    root = make({}, model, until=until)
    values = {"train.epochs": None, "train.snapshot_seconds": 0, **values}
    if (PROGRAMS / f"{model}.py").exists():
        shutil.copy(PROGRAMS / f"{model}.py", root / "models")
        values = {f"model.{model}": {}, **values}
    change_params(root, values)
    patch.syspath_prepend(str(root))
    patch.setattr("models.__path__", [str(root / "models")])
    return run_stages(root, "download", "normalize", "build")


def plain_script(root: Path) -> tuple[dict[str, float], int]:
    """The last epoch's figures, and all steps, of Keras's own fit with the same model and seed."""
    from lockstep.modeling import preprocessing
    from lockstep.modeling.compile import compile_for_training
    from lockstep.modeling.model import make_model_with
    from lockstep.modeling.model_file import as_asked
    from lockstep.runtime.strategy import start_runtime
    from lockstep.training import class_weight, warm_start

    params, examples = load(root), load_examples(root, "train")
    spec = as_asked(params, read_spec(root))
    start_runtime(params.seed)
    model = make_model_with(params, spec, root / "weights" / "initial.weights.h5")
    trainable, steps = warm_start.trainable_layers(model), 0
    x = preprocessing.layers(spec).predict(examples.x, verbose=0)
    weights = class_weight.of(params.train.class_weight, spec, examples.y)
    y = np.asarray(examples.y) if spec.targets else None
    sample_weight = weights[y] if weights is not None and y is not None else None
    y = preprocessing.scaled_targets(spec, y) if y is not None else None
    for phase in phases_of(params):
        warm_start.freeze(model, phase.train.freeze, trainable)
        compile_for_training(model, phase, spec, 1, root)
        options = {"batch_size": phase.train.batch_size, "epochs": phase.train.epochs}
        history = model.fit(x, y, sample_weight=sample_weight, verbose=0, **options)
        steps += int(model.optimizer.iterations)
    assert as_dict(x, "x")
    return {name: values[-1] for name, values in history.history.items()}, steps


def cut_off_and_resumed(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Train, be killed as the second epoch begins, and train again to the end."""
    from lockstep.training.loop import Loop

    original, begun = Loop._train_epoch, []

    def cut(self: Any, data: Any, batches: Any, epoch: int, hooks: Any) -> Any:
        begun.append(epoch)
        if len(begun) == 2:
            raise Cut
        return original(self, data, batches, epoch, hooks)

    patch.setattr(Loop, "_train_epoch", cut)
    with pytest.raises(Cut):
        train.train(load(root), root)
    train.train(load(root), root)
    assert begun[:3] == [0, 1, 1]


def steps_of(root: Path) -> int:
    """The steps that a finished training's optimizer has counted."""
    folder = root / layout.LAST_SNAPSHOT
    paths = json.loads((folder / METADATA).read_text())["paths"]
    place = next(at for at, each in enumerate(paths) if each.endswith("/iteration"))
    with h5py.File(folder / ARRAYS) as file:
        return int(np.ravel(file[f"{place:05d}"])[0])


def last_row(root: Path) -> dict[str, float]:
    with (root / "report" / "history.csv").open(newline="") as lines:
        return {name: float(each) for name, each in list(csv.DictReader(lines))[-1].items()}
