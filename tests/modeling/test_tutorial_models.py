"""The tutorials' models, losses and data: they save and load, and train as their equivalents."""

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples, read_spec
from lockstep.errors import DataError
from lockstep.modeling.weights import save_weights, weights_digest
from lockstep.process.exit_codes import exit_code
from lockstep.storage import atomic_files
from tasks import datasets
from tasks.__main__ import run_stage
from tests.support.loops import (
    SOME,
    TRAIN,
    WEIGHTS,
    Watch,
    X,
    Y,
    assert_close,
    assert_equal,
    dense,
    weights,
)
from tests.support.trainings import Cut
from tests.support.workspaces import REPOSITORY, change_params, run, run_stages, with_values

pytestmark = pytest.mark.system  # takes minutes
CUSTOM = (
    "cnn_subclassed", "custom_layer", "linear_subclassed", "mlp_subclassed", "naive", "residual",
)  # fmt: skip
IMAGES = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
OWN = {"train.custom_objects_file": "models/_tutorials.py"}
DIVERGING = {
    **OWN,
    "data.name": "two_rows",
    "data.validation_split": 0.0,
    "normalize.method": "none",
    "model.name": "linear_subclassed",
    "model.linear_subclassed": {"zeros": True},
    "train.epochs": None,
    "train.steps": 100,
    "train.batch_size": 2,
    "train.order": "sequential",
    "train.optimizer": "sgd",
    "train.learning_rate": 0.01,
    "train.loss": "custom.SumOfSquares",
}


def build(name: str, shape: tuple[int, ...] = (8, 8, 1), outputs: int = 10, **given: Any) -> Any:
    return importlib.import_module(f"models.{name}").build(shape, outputs, "softmax", **given)


def in_order(logs: dict[str, float]) -> list[float]:
    """The values of the losses, then those of the metrics."""
    return [logs[name] for name in sorted(logs, key=lambda name: ("loss" not in name, name))]


@pytest.fixture(scope="module")
def saved(tensorflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each custom model, with random weights, and its outputs."""
    folder = tmp_path_factory.mktemp("saved")
    random = np.random.default_rng(0)
    np.save(folder / "x.npy", IMAGES)
    for name in CUSTOM:
        model = build(name)
        model.set_weights([random.random(each.shape) + 0.1 for each in model.get_weights()])
        model.save(folder / f"{name}.keras")
        np.save(folder / f"{name}.npy", model(IMAGES))
    return folder


@pytest.mark.parametrize("name", CUSTOM)
def test_a_saved_model_gives_the_same_outputs(saved: Path, name: str) -> None:
    import keras

    again = keras.saving.load_model(saved / f"{name}.keras", safe_mode=True)
    np.testing.assert_array_equal(again(IMAGES), np.load(saved / f"{name}.npy"))


def test_a_process_that_imports_only_the_models_loads_them(saved: Path) -> None:
    lines = [
        "import keras, numpy, pathlib, sys",
        *(f"import models.{name}" for name in CUSTOM),
        "folder = pathlib.Path(sys.argv[1])",
        f"for name in {CUSTOM}:",
        "    again = keras.saving.load_model(folder / f'{name}.keras')",
        "    outputs = again(numpy.load(folder / 'x.npy'))",
        "    numpy.testing.assert_array_equal(outputs, numpy.load(folder / f'{name}.npy'))",
    ]
    ended = run(REPOSITORY, sys.executable, "-c", "\n".join(lines), str(saved))
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_functional_and_sequential_mlp_have_the_same_weights(
    tensorflow: Any, tmp_path: Path, dropout: float
) -> None:
    from lockstep.runtime.strategy import start_runtime

    found = []
    for name in ("mlp", "mlp_functional"):
        start_runtime(0)
        model = build(name, units=[32, 16], dropout=dropout)
        save_weights(model, tmp_path / f"{name}.weights.h5")
        found.append(model.get_weights())
    assert_equal(*found)
    one, other = (weights_digest(path) for path in sorted(tmp_path.iterdir()))
    assert one == other


def test_the_naive_model_has_weights_and_no_layers(tensorflow: Any) -> None:
    model = build("naive")
    hidden, biases, last, _ = model.get_weights()
    assert model.layers == []
    assert (hidden.shape, last.shape) == ((64, 512), (512, 10))
    assert hidden.min() >= 0
    assert 0.09 < hidden.max() < 0.1
    assert not biases.any()


def test_the_naive_model_computes_as_dense_layers(tensorflow: Any) -> None:
    naive, twin = build("naive", units=16), build("mlp", units=16)
    twin.set_weights(naive.get_weights())
    np.testing.assert_allclose(naive(IMAGES), twin(IMAGES), atol=1e-6)


def test_a_residual_block_adds_its_input_to_each_filter(tensorflow: Any) -> None:
    block = build("residual").layers[0]
    x = IMAGES - 0.5
    assert block(x).shape == (4, 8, 8, 3)
    block.normalizations[-1].gamma.assign(np.zeros(3))
    np.testing.assert_array_equal(block(x), np.maximum(x, 0).repeat(3, -1))


def test_a_residual_block_resumes_with_its_batch_statistics(make_loop: Any, tmp_path: Path) -> None:
    import keras

    from lockstep.training.resume import Resume
    from models.residual import Residual

    def act(folder: Path, *callbacks: Any) -> Any:
        def model() -> Any:
            image, flat = keras.layers.Reshape((5, 1, 1)), keras.layers.Flatten()
            return dense(image, Residual(1, [1, 2, 3]), flat)

        loop = make_loop(model=model)
        of = {"folder": folder, "key": "key", "seconds": 0, "files": {}}
        resume = Resume(loop.steps, loop.collectives, list(callbacks), **of)
        loop.fit(TRAIN, SOME, list(callbacks), epochs=4, resume=resume)
        return loop

    def cut(epoch: int, logs: Any = None) -> None:
        if epoch == 2:
            raise Cut

    whole = act(tmp_path / "whole")
    with pytest.raises(Cut):
        act(tmp_path / "cut", keras.callbacks.LambdaCallback(on_epoch_begin=cut))
    watch = Watch()
    assert_equal(weights(whole), weights(act(tmp_path / "cut", watch)))
    assert len(watch.epochs) == 2
    assert any("moving_mean" in each.path for each in whole.model.non_trainable_variables)


@pytest.mark.parametrize("name", ["custom_layer", "mlp_subclassed", "naive"])
def test_two_replicas_train_as_one(make_loop: Any, name: str) -> None:
    loops = [make_loop(count, model=lambda: build(name, (6,), 3)) for count in (1, 2)]
    for loop in loops:
        loop.fit(TRAIN, SOME, [], epochs=1)
    assert_close(*map(weights, loops), 1e-4)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("name", CUSTOM)
def test_outputs_are_float32_in_mixed_precision(tensorflow: Any, name: str, precision: str) -> None:
    from lockstep.runtime.strategy import start_runtime

    start_runtime(0, precision=precision)
    assert build(name)(IMAGES).dtype == "float32"


@pytest.mark.parametrize("replicas", [1, 2])
@pytest.mark.parametrize("train", [TRAIN, Examples(X, Y, WEIGHTS)], ids=["alike", "weighted"])
def test_what_is_written_by_hand_gives_the_numbers_of_keras(
    make_loop: Any, replicas: int, train: Examples
) -> None:
    found = []
    for loss, metric in (
        ("custom.Crossentropy", "custom.Hits"),
        ("auto", "SparseCategoricalAccuracy"),
    ):
        values = with_values({**OWN, "train.loss": loss, "train.metrics": [metric]})
        loop, watch = make_loop(replicas, values=values), Watch()
        loop.fit(train, SOME, [watch], epochs=3)
        found.append((np.array([in_order(epoch) for epoch in watch.epochs]), weights(loop)))
    assert found[0][0].shape == (3, 4)
    np.testing.assert_allclose(*(numbers for numbers, _ in found), atol=1e-5)
    assert_close(*(each for _, each in found))


@pytest.mark.parametrize(("aligned", "expected"), [(False, 1 + 4 + 16 + 1), (True, 1 + 1)])
def test_a_sum_of_squares_broadcasts_unless_aligned(
    tensorflow: Any, aligned: bool, expected: float
) -> None:
    from models._tutorials import SumOfSquares

    targets, outputs = np.array([1.0, 4.0]), np.array([[2.0], [5.0]])
    assert float(SumOfSquares(aligned=aligned)(targets, outputs)) == expected


def test_a_sum_over_shapes_that_broadcast_diverges(
    workspace: Path, tensorflow: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    change_params(workspace, DIVERGING)
    run_stages(workspace, "download", "normalize", "build")
    with exit_code("train") as outcome:
        run_stage("train", workspace)
    assert outcome.code == 1
    (message,) = [line for line in capsys.readouterr().err.splitlines() if line[:6] == "train:"]
    assert "the loss became inf in epoch" in message
    assert "at step 1" in message


def test_the_same_converges_with_shapes_that_match(workspace: Path, tensorflow: Any) -> None:
    aligned = {"name": "custom.SumOfSquares", "aligned": True}
    change_params(workspace, {**DIVERGING, "train.loss": aligned})
    run_stages(workspace, "download", "normalize", "build", "train", "evaluate")
    history = np.genfromtxt(workspace / "report" / "history.csv", delimiter=",", names=True)
    assert len(history) == 100
    assert "val_loss" not in history.dtype.names
    assert history["loss"][-1] < history["loss"][0] / 100
    best, last = (workspace / "weights" / f"{name}.weights.h5" for name in ("best", "last"))
    assert best.read_bytes() == last.read_bytes()
    assert atomic_files.read_json(workspace / "report" / "metrics.json")["test"]["mae"] < 3


def test_linear_regression_finds_the_line(workspace: Path, tensorflow: Any) -> None:
    import h5py

    changes = {"data.name": "line", "normalize.method": "none", "model.name": "linear_subclassed"}
    change_params(workspace, {**changes, "train.optimizer": "sgd", "train.learning_rate": 0.05})
    run_stages(workspace, "download", "normalize", "build", "train", "evaluate")
    assert not list((workspace / "data" / "raw").iterdir())
    with h5py.File(workspace / "weights" / "best.weights.h5") as file:
        found: list[float] = []
        file.visititems(
            lambda _, each: found.extend(each[()].ravel() if hasattr(each, "shape") else [])
        )
    assert found == pytest.approx([3, 2], abs=0.05)
    assert atomic_files.read_json(workspace / "report" / "metrics.json")["test"]["mae"] < 0.3


def test_dvc_keeps_a_data_set_without_files(workspace: Path) -> None:
    change_params(workspace, {"data.name": "line"})
    for _ in range(2):
        ended = run(workspace, "dvc", "repro", "normalize")
        assert ended.returncode == 0, ended.stdout
        assert (workspace / "data" / "ready" / "spec.json").exists()
    assert "up to date" in ended.stdout


def test_diabetes_is_read_as_published(workspace: Path) -> None:
    change_params(workspace, {"data.name": "diabetes", "data.validation_split": 0.0})
    run_stages(workspace, "download", "normalize")
    assert read_spec(workspace).splits == {"train": 353, "test": 89}
    raw = workspace / "data" / "raw"
    (train_x, train_y), (test_x, test_y) = datasets.find("diabetes").read(raw).values()
    assert train_x.shape == (353, 10)
    assert test_x[0].tolist() == [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87]
    assert np.concatenate([train_y, test_y]).mean() == pytest.approx(152.133, abs=1e-3)
    (raw / "diabetes_data_raw.csv.gz").write_bytes(b"no table")
    with pytest.raises(DataError, match=r"diabetes_data_raw.csv.gz: not a readable table"):
        datasets.find("diabetes").read(raw)
