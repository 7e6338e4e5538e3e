"""A small program of each kind of target: all stages, a kill, and the registered model."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import models
from lockstep.data.spec import read_spec
from lockstep.serving.predict import predict_file
from lockstep.storage.atomic_files import read_json
from lockstep.tracking.client import connect
from tasks import train
from tests.support.trainings import Pauses, digests, end_of
from tests.support.workspaces import change_params, load, run, run_stages

pytestmark = pytest.mark.system

COUNT = 500
RANDOM = np.random.default_rng(0)
AUTOENCODER = '''
"""Learns to give its input back: the model's own train_step computes the loss."""

import keras


@keras.saving.register_keras_serializable(package="mine")
class Autoencoder(keras.Model):
    """A narrow dense layer between input and output."""

    def __init__(self, size, units, **more):
        super().__init__(**more)
        self.size, self.units = size, units
        self.inner = keras.layers.Dense(units, activation="relu")
        self.outer = keras.layers.Dense(size)

    def call(self, x):
        given = self.outer(self.inner(x))
        self.add_loss(keras.ops.mean(keras.ops.square(given - x)))
        return given

    def get_config(self):
        return {**super().get_config(), "size": self.size, "units": self.units}


def build(input_shape, outputs, activation, *, units: int = 4) -> keras.Model:
    assert outputs is None and activation is None
    model = Autoencoder(input_shape[0], units, name="mine")
    model(keras.Input(input_shape))
    return model
'''


class Program(NamedTuple):
    """Data, what params.yaml says beside them, and the score that a plain script also reaches."""

    x: np.ndarray
    y: np.ndarray | None
    values: dict[str, Any]
    score: str


def dots(size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Pictures with a bright dot, and its place."""
    places = RANDOM.integers(1, size - 1, (COUNT, 2))
    pictures = RANDOM.integers(0, 40, (COUNT, size, size), np.uint8)
    pictures[np.arange(COUNT), places[:, 0], places[:, 1]] = 255
    return pictures, places


def squares(size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Noisy pictures of a square, and where it is."""
    corners = RANDOM.integers(0, size - 3, (COUNT, 2))
    rows, columns = np.indices((size, size))
    inside = (rows >= corners[:, :1, None]) & (rows < corners[:, :1, None] + 4)
    inside &= (columns >= corners[:, 1:, None]) & (columns < corners[:, 1:, None] + 4)
    return (inside * 180 + RANDOM.integers(0, 70, inside.shape)).astype(np.uint8), inside


def programs() -> dict[str, Program]:
    table = RANDOM.normal(size=(COUNT, 6)).astype(np.float32)
    steps = RANDOM.normal(size=(COUNT, 10, 2)).astype(np.float32)
    (pictures, places), (noisy, inside) = dots(), squares()
    labels = (table @ RANDOM.normal(size=(6, 3)) > 0).astype(np.uint8)
    mlp, unet = {"model.name": "mlp", "model.mlp.units": [32]}, {"model.name": "unet"}
    series = {"model.name": "gru", "data.input_kind": "series"}
    each_step = {**series, "model.gru.each_step": True, "data.target_kind": "sequence"}
    sums = (steps[..., 0].cumsum(axis=1) > 0).astype(np.uint8)
    untargeted = {"data.target_kind": "none"}
    standard = {"normalize.method": "standard"}
    return {
        "multilabel": Program(table, labels, {**mlp, **standard}, "macro_f1"),
        "keypoints": Program(pictures, places + 0.5, {"model.name": "cnn"}, "r2"),
        "image": Program(
            noisy, (inside * 200).astype(np.uint8), {**unet, "data.target_kind": "image"}, "r2"
        ),
        "mask": Program(
            noisy, inside.astype(np.uint8), {**unet, "data.target_kind": "mask"}, "mean_iou"
        ),
        "sequence": Program(steps, sums, {**each_step, **standard}, "accuracy"),
        "series": Program(
            steps, (steps.sum((1, 2)) > 0).astype(np.uint8), {**series, **standard}, "accuracy"
        ),
        "none": Program(
            table, None,
            {"model.name": "mine", "model.mine": {"units": 4}, **untargeted, **standard},
            "loss",
        ),
    }  # fmt: skip


PROGRAMS = programs()


@pytest.fixture
def prepare(
    make_workspace: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Path]:
    """Return a function that makes a program's workspace and runs it up to `build`."""

    def act(name: str) -> Path:
        program = PROGRAMS[name]
        arrays = {"x": program.x} | ({} if program.y is None else {"y": program.y})
        np.savez(tmp_path / "mine.npz", **arrays)
        values = {
            "data.name": "npz", "data.path": str(tmp_path / "mine.npz"), "train.epochs": 12,
            "train.learning_rate": 0.01, "register.threshold": None,
        }  # fmt: skip
        root = make_workspace(
            {**values, **{k: v for k, v in program.values.items() if k[:5] != "model"}}
        )
        (root / "models" / "mine.py").write_text(AUTOENCODER)
        monkeypatch.setattr(models, "__path__", [str(root / "models")])
        change_params(root, program.values)
        return run_stages(root, "download", "normalize", "build")

    return act


def plain(name: str, root: Path) -> float:
    """The same model trained by Keras's own fit on the same examples."""
    import keras

    from lockstep.data.spec import load_examples
    from lockstep.modeling.model import make_model_with
    from lockstep.modeling.preprocessing import layers, scaled_targets
    from lockstep.runtime.strategy import start_runtime
    from lockstep.storage import layout

    values, spec = load(root), read_spec(root)
    start_runtime(0)
    model = make_model_with(values, spec, root / layout.INITIAL_WEIGHTS)
    losses = {"sigmoid": "binary_crossentropy", "softmax": "sparse_categorical_crossentropy"}
    target = spec.target
    loss = None if target is None else losses.get(target.activation, "mse")
    model.compile(keras.optimizers.Adam(0.01), "mse" if name == "image" else loss)
    arrays = {split: load_examples(root, split) for split in ("train", "test")}
    preprocess = layers(spec)
    x = {split: preprocess.predict(each.x, verbose=0) for split, each in arrays.items()}
    if target is None:
        model.fit(x["train"], epochs=12, batch_size=32, verbose=0)
        return float(model.evaluate(x["test"], verbose=0))
    shape = (-1, *target.output_shape)
    y = {s: np.asarray(scaled_targets(spec, each.y)).reshape(shape) for s, each in arrays.items()}
    model.fit(x["train"], y["train"], epochs=12, batch_size=32, verbose=0)
    return score_of(name, y["test"], model.predict(x["test"], verbose=0))


def score_of(name: str, y: np.ndarray, p: np.ndarray) -> float:
    from sklearn import metrics

    if name in ("keypoints", "image"):
        return float(1 - ((y - p) ** 2).sum() / ((y - y.mean(0)) ** 2).sum())
    if name == "multilabel":
        return float(metrics.f1_score(y, p > 0.5, average="macro"))
    if name == "mask":
        return float(metrics.jaccard_score(y.ravel(), p.ravel() > 0.5, average="macro"))
    return float(((p > 0.5) == (y > 0.5)).mean())


SERVE = """
import mlflow, numpy, sys
model = mlflow.pyfunc.load_model("models:/mine@champion")
numpy.save(sys.argv[2], model.predict(numpy.load(sys.argv[1])))
"""


def served(root: Path, folder: Path) -> np.ndarray:
    """The champion's outputs for the raw test inputs, in another process and folder."""
    folder.mkdir()
    shutil.copy(root / "data" / "ready" / "test_x.npy", folder / "raw.npy")
    uri = f"sqlite:///{root / 'mlflow.db'}"
    environment = {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": os.environ["PYTHONPATH"]}
    ended = run(folder, sys.executable, "-c", SERVE, "raw.npy", "out.npy", **environment)
    assert ended.returncode == 0, ended.stdout
    return np.asarray(np.load(folder / "out.npy"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_trains_like_a_plain_script_resumes_and_serves(
    prepare: Callable[[str], Path], tensorflow: Any, tmp_path: Path, name: str
) -> None:
    root = prepare(name)
    killed = Path(shutil.copytree(root, tmp_path / "killed" / "lockstep"))
    run_stages(root, "train", "evaluate", "register")
    score = PROGRAMS[name].score
    found = read_json(root / "report" / "metrics.json")["test"][score]
    tolerance = 0.1 + 0.2 * (score == "loss")
    assert found == pytest.approx(plain(name, root), abs=tolerance)
    expected = np.load(root / "report" / "outputs.npy")
    np.testing.assert_allclose(
        served(root, tmp_path / "elsewhere")[: len(expected)], expected, atol=1e-5
    )
    assert json.loads((root / "report" / "registered.json").read_text())["metric"] == score
    resumes(killed, tmp_path / "pauses")
    assert digests(killed) == digests(root)


def resumes(root: Path, folder: Path) -> None:
    """Kill the training in its fifth epoch, and run it again."""
    pauses = Pauses(folder, 5)
    values = change_params(root, pauses.changes())
    process = subprocess.Popen(
        [sys.executable, "-m", "tasks", "train"],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    pauses.wait_in(process, 5)
    process.kill()
    assert end_of(process)[0] == -signal.SIGKILL
    pauses.go_on(5)
    train.train(values, root)


NAMES = [">50K", "C++", "$5", r"\alphaz", r"a\b", "x, y", "😀", "n" * 300]


def test_class_names_of_any_kind_go_through_all_stages(
    make_workspace: Callable[..., Path], tensorflow: Any, tmp_path: Path
) -> None:
    numbers = np.arange(400) % len(NAMES)
    np.savez(tmp_path / "mine.npz", x=np.eye(8)[numbers], y=np.array(NAMES)[numbers])
    values = {
        "data.name": "npz", "data.path": str(tmp_path / "mine.npz"), "model.name": "linear",
        "train.epochs": 2, "train.learning_rate": 0.05, "train.class_weight": {">50K": 3.0},
        "train.metrics": ["accuracy", "F1Score"], "register.threshold": None,
    }  # fmt: skip
    root = run_stages(make_workspace(values))
    with (root / "report" / "classes.csv").open(newline="") as lines:
        assert {row["class"] for row in csv.DictReader(lines)} == set(NAMES)
    with (root / "report" / "predictions.csv").open(newline="") as lines:
        assert {row["actual"] for row in csv.DictReader(lines)} == set(NAMES)
    client, experiment = connect(root)
    (found,) = client.search_runs([experiment.experiment_id])
    assert json.loads(found.data.params["train.class_weight"]) == {">50K": 3.0}
    assert found.info.status == "FINISHED"
    assert found.data.metrics["test_f1_score_7"] >= 0
    table = predict_file(load(root), root, "best", one_row(tmp_path), None)
    assert next(csv.reader([table.splitlines()[0]]))[2:] == sorted(NAMES)


def one_row(folder: Path) -> Path:
    np.save(folder / "one.npy", np.eye(8, dtype=np.uint8)[:1])
    return folder / "one.npy"
