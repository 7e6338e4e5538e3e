"""Several inputs and targets by name, from the data set to the registered model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples, load_examples, read_spec
from lockstep.errors import ParamsError
from lockstep.modeling.compile import compile_for_training
from tests.support.loops import TRAIN, X, Y, assert_close, assert_equal, spec_of, weights
from tests.support.workspaces import champion, run_stages, with_values

TWO_VIEWS = {"data.name": "two_views", "model.name": "two_views", "train.epochs": 3}


@pytest.fixture(scope="module")
def trained(make_workspace: Callable[..., Path], tensorflow: Any) -> Path:
    changes = {**TWO_VIEWS, "train.loss_weights": {"digit": 1.0, "parity": 0.5}}
    gate = {"register.metric": "digit_accuracy", "register.threshold": 0.0}
    return run_stages(make_workspace({**changes, **gate}))


@pytest.mark.system
def test_each_input_and_target_is_a_file(trained: Path) -> None:
    names = {file.name for file in (trained / "data" / "ready").iterdir()}
    parts = ("image", "rows", "digit", "parity")
    splits = ("train", "validation", "test")
    assert names == {"spec.json", *(f"{split}_{part}.npy" for split in splits for part in parts)}
    spec = read_spec(trained)
    assert spec.input_shape == {"image": (8, 8, 1), "rows": (8,)}
    assert spec.outputs == {"digit": 10, "parity": 1}
    assert spec.activation == {"digit": "softmax", "parity": "sigmoid"}


@pytest.mark.system
def test_the_loss_is_the_weighted_sum_over_targets(trained: Path) -> None:
    scores = json.loads((trained / "report" / "metrics.json").read_text())["test"]
    together = scores["digit_loss"] + 0.5 * scores["parity_loss"]
    assert scores["loss"] == pytest.approx(together, abs=2e-3)  # the last batch is smaller


def test_each_target_is_scored(trained: Path) -> None:
    scores = json.loads((trained / "report" / "metrics.json").read_text())["test"]
    outputs = np.load(trained / "report" / "outputs.npy")
    test = load_examples(trained, "test")
    digit = (outputs[:, :10].argmax(1) == test.y["digit"]).mean()  # type: ignore[index]
    parity = ((outputs[:, 10] > 0.5) == test.y["parity"]).mean()  # type: ignore[index]
    assert scores["digit_accuracy"] == pytest.approx(digit, abs=1e-6)
    assert scores["parity_accuracy"] == pytest.approx(parity, abs=1e-6)
    assert digit > 0.6


def test_the_registered_model_has_named_inputs_and_outputs(trained: Path) -> None:
    test = load_examples(trained, "test")
    found = champion(trained).predict({name: np.array(part) for name, part in dict(test.x).items()})
    outputs = np.load(trained / "report" / "outputs.npy")
    np.testing.assert_allclose(found["digit"], outputs[:, :10], atol=1e-6)
    np.testing.assert_allclose(found["parity"], outputs[:, 10:], atol=1e-6)


def test_both_inputs_use_one_shared_layer(trained: Path) -> None:
    import h5py

    with h5py.File(trained / "weights" / "best.weights.h5") as file:
        dense = [name for name in file["layers"] if name.startswith("dense")]
    assert len(dense) == 4  # the shared layer, the layer on the joined inputs, two heads


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"train.loss": {"digit": "mse"}}, r"train\.loss: got digit, expected .* digit, parity"),
        ({"train.loss_weights": {"digit": 1.0}}, r"train\.loss_weights: got digit, expected one"),
    ],
)
def test_losses_and_weights_are_set_per_target(
    trained: Path, changes: dict[str, Any], line: str
) -> None:
    import keras

    model, spec = keras.Sequential([keras.Input((1,))]), read_spec(trained)
    with pytest.raises(ParamsError, match=line):
        compile_for_training(model, with_values(changes), spec, 1, trained)


def test_a_loss_for_each_target(trained: Path, tensorflow: Any) -> None:
    from lockstep.modeling.model import make_model

    values = with_values({**TWO_VIEWS, "train.loss": {"digit": "mse", "parity": {"name": "hinge"}}})
    spec = read_spec(trained)
    model = make_model(values, spec)
    compile_for_training(model, values, spec, 1, trained)
    names = {name: type(each).__name__ for name, each in model.loss.items()}
    assert names == {"digit": "MeanSquaredError", "parity": "Hinge"}


@pytest.mark.parametrize("replicas", [1, 2])
def test_one_hot_labels_train_as_sparse_ones(make_loop: Any, replicas: int) -> None:
    losses = ("SparseCategoricalCrossentropy", "CategoricalCrossentropy")
    loops = [make_loop(replicas, values=with_values({"train.loss": each})) for each in losses]
    for loop in loops:
        loop.fit(TRAIN, None, [], epochs=2)
    assert_close(weights(loops[0]), weights(loops[1]))


def test_two_classes_train_with_the_loss_of_one_number(make_loop: Any) -> None:
    import keras

    loop = make_loop(
        values=with_values({"train.learning_rate": 0.01}),
        spec=spec_of([6], "ab"),
        model=lambda: keras.Sequential(
            [keras.Input((6,)), keras.layers.Dense(1, activation="sigmoid")]
        ),
    )
    examples = Examples(X, (X[:, 0] > 120).astype(np.uint8))
    loop.fit(examples, examples, [], epochs=30)
    assert loop.evaluate(examples)["accuracy"] > 0.8


def test_several_inputs_from_disk_and_device_give_the_same_bits(make_loop: Any) -> None:
    import keras

    from lockstep.training.sources import DeviceSource, DiskSource

    def model() -> Any:
        inputs = {"a": keras.Input((6,), name="a"), "b": keras.Input((6,), name="b")}
        joined = keras.layers.Concatenate()(list(inputs.values()))
        return keras.Model(inputs, keras.layers.Dense(3, "softmax")(joined))

    def preprocess() -> Any:
        inputs = {name: keras.Input((6,), dtype="uint8", name=name) for name in "ab"}
        scaled = {name: keras.layers.Rescaling(1 / 255)(each) for name, each in inputs.items()}
        return keras.Model(inputs, scaled)

    found = []
    for source in (DeviceSource, DiskSource):
        loop = make_loop(model=model, preprocess=preprocess, source=source, steps_per_execution=3)
        loop.fit(Examples({"a": X, "b": X[::-1].copy()}, Y), None, [], epochs=2)
        found.append(weights(loop))
    assert_equal(*found)
