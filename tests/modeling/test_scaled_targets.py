"""A numeric target is scaled for the loss alone: metrics, reports and outputs have its units."""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples, Input, Spec, Target
from lockstep.data.target_statistics import with_statistics
from lockstep.errors import ParamsError
from tests.support.workspaces import REPOSITORY, load, run_stages, with_values

RANDOM = np.random.default_rng(0)
COUNT = 50
X = RANDOM.normal(size=(COUNT, 3)).astype(np.float32)
PRICES = (50_000 + 3_000 * RANDOM.normal(size=COUNT)).astype(np.float32)
PAIRS = np.stack([PRICES, RANDOM.normal(size=COUNT).astype(np.float32)], axis=1)
CUSTOM = """
import keras
from keras import ops

class Largest(keras.metrics.Metric):
    def __init__(self, name="largest"):
        super().__init__(name=name)
        self.value = self.add_weight(name="value", initializer="zeros")

    def update_state(self, y, outputs, sample_weight=None):
        largest = ops.max(ops.abs(ops.ravel(y) - ops.ravel(outputs)))
        self.value.assign(ops.maximum(self.value, largest))

    def result(self):
        return self.value

def distance(y, outputs):
    return ops.abs(ops.ravel(y) - ops.ravel(outputs))
"""


def spec_of(y: np.ndarray, method: str, kind: str = "regression") -> Spec:
    target = {"y": Target(kind, shape=list(y.shape[1:]))}
    described = with_statistics(target, Examples(X, y), method, own=False)
    return Spec("x", {"x": Input("table", [3], "float32", {})}, described, {}, "none")


def looped(
    make_loop: Any,
    spec: Spec,
    model: Callable[[], Any],
    root: Path = REPOSITORY,
    **values: Any,
) -> Any:
    import keras

    from lockstep.modeling import outputs, preprocessing

    made = []

    def remember() -> Any:
        made.append(model())
        return made[0]

    loop = make_loop(
        model=remember,
        values=with_values({f"train.{key}": value for key, value in values.items()}, root),
        root=root,
        spec=spec,
        preprocess=lambda: keras.Sequential([keras.Input((3,)), keras.layers.Identity()]),
        steps={"scale_targets": partial(preprocessing.scaled_targets, spec)},
    )
    loop.steps.probabilities = outputs.probabilities(outputs.given_by(made[0], spec), spec.targets)
    return loop


def dense(outputs: int) -> Any:
    import keras

    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(outputs)])


@pytest.mark.parametrize("method", ["standard", "unit"])
@pytest.mark.parametrize("y", [PRICES, PAIRS])
def test_metrics_are_keras_s_on_the_served_outputs(
    make_loop: Any, method: str, y: np.ndarray
) -> None:
    import keras

    names = ("MeanAbsoluteError", "RootMeanSquaredError", "R2Score", "MeanAbsolutePercentageError")
    spec, width = spec_of(y, method), 1 if y.ndim == 1 else 2
    loop = looped(make_loop, spec, lambda: dense(width), metrics=list(names))
    found, served = loop.evaluate(Examples(X, y)), loop.predict(Examples(X, y))["y"]
    for name in names:
        metric = getattr(keras.metrics, name)()
        for at in range(0, COUNT, loop.batch_size):  # Keras rounds R2Score by batches
            part = slice(at, at + loop.batch_size)
            metric.update_state(y.reshape(-1, width)[part], served[part])
        assert found[metric.name] == pytest.approx(float(metric.result()), rel=1e-5, abs=1e-4), name
    numbers = {"standard": (y.mean(0), y.std(0)), "unit": (y.min(0), np.ptp(y, 0))}
    origin, unit = numbers[method]
    loss = ((y.reshape(-1, width) - served) / unit) ** 2
    assert found["loss"] == pytest.approx(float(loss.mean()), rel=1e-4)
    np.testing.assert_allclose(
        served, np.asarray(loop.model(X)) * unit + origin, rtol=1e-6, atol=1e-6
    )


def test_a_custom_metric_has_the_targets_units(make_loop: Any, project: Path) -> None:
    (project / "custom.py").write_text(CUSTOM)
    loop = looped(
        make_loop,
        spec_of(PRICES, "standard"),
        lambda: dense(1),
        root=project,
        custom_objects_file="custom.py",
        metrics=["custom.Largest", "custom.distance"],
    )
    found, served = loop.evaluate(Examples(X, PRICES)), loop.predict(Examples(X, PRICES))["y"]
    errors = np.abs(PRICES - served[:, 0])
    assert found["largest"] == pytest.approx(errors.max(), rel=1e-5)
    assert found["distance"] == pytest.approx(errors.mean(), rel=1e-5)


def test_numbers_of_each_step_are_scaled_over_all_steps(tensorflow: Any) -> None:
    from lockstep.modeling.preprocessing import reported_targets, scaled_targets

    y = RANDOM.normal(9, 4, (COUNT, 5, 2)).astype(np.float32)
    spec = spec_of(y, "standard", "sequence")
    scaled = scaled_targets(spec, y)
    np.testing.assert_allclose(scaled.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std((0, 1)), 1, atol=1e-5)
    assert reported_targets(spec, y) is y


def test_a_model_that_gives_units_of_its_own_does_not_scale_twice(tensorflow: Any) -> None:
    from lockstep.modeling.units import in_units

    target = spec_of(PRICES, "standard").targets["y"]
    assert in_units(target, X) is X


def test_classes_are_not_scaled() -> None:
    target = {"y": Target("classification", ["no", "yes"])}
    with pytest.raises(ParamsError, match=r"normalize\.target: got unit for the target kind class"):
        with_statistics(target, Examples(X, PRICES > 0), "unit", own=True)


@pytest.mark.system
def test_all_files_and_the_registered_model_have_the_targets_units(
    make_workspace: Callable[..., Path], tmp_path: Path
) -> None:
    import pandas as pd

    from lockstep.serving.predict import predict_file
    from tests.support.workspaces import champion

    path = tmp_path / "houses.csv"
    rows = [f"{a},{b},{50_000 + 900 * a + 400 * b}" for a, b in X[:, :2]]
    path.write_text("\n".join(["a,b,price", *rows]) + "\n")
    values = {
        "data.name": "csv", "data.path": str(path), "model.name": "linear",
        "normalize.target": "standard", "normalize.method": "standard", "train.epochs": 15,
        "train.learning_rate": 0.05, "train.batch_size": 8, "register.threshold": 0.9,
    }  # fmt: skip
    root = run_stages(make_workspace(values))
    found = json.loads((root / "report" / "metrics.json").read_text())["test"]
    outputs = np.load(root / "report" / "outputs.npy")
    y = np.load(root / "data" / "ready" / "test_y.npy")
    assert found["mae"] == pytest.approx(np.abs(outputs[:, 0] - y).mean(), abs=1e-2)
    assert found["mean_absolute_error"] == pytest.approx(found["mae"], abs=1e-2)
    assert found["r2"] > 0.9
    with (root / "report" / "history.csv").open(newline="") as lines:
        last = list(csv.DictReader(lines))[-1]
    assert float(last["val_loss"]) < 1 < float(last["val_mean_absolute_error"])
    frame = pd.read_csv(path)
    served = np.ravel(champion(root).predict(frame.drop(columns="price")))
    assert np.corrcoef(served, frame["price"])[0, 1] > 0.95
    assert served.mean() == pytest.approx(50_000, rel=0.05)
    table = predict_file(load(root), root, "best", path, None)
    values_of = [float(row["value"]) for row in csv.DictReader(table.splitlines())]
    np.testing.assert_allclose(values_of, served, rtol=1e-6)


def test_the_crossentropy_of_numbers_between_0_and_1(tensorflow: Any) -> None:
    import keras

    from lockstep.modeling import units
    from lockstep.modeling.compile import compile_for_testing

    spec, values = spec_of(PRICES, "unit"), with_values({"train.loss": "BinaryCrossentropy"})
    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, "sigmoid")])
    compile_for_testing(made, values, spec, REPOSITORY)
    y = units.scaled(spec.targets["y"], PRICES)
    found = made.evaluate(X, y, verbose=0, return_dict=True, batch_size=COUNT)
    expected = keras.losses.BinaryCrossentropy()(y[:, None], made(X))
    assert found["loss"] == pytest.approx(float(expected), rel=1e-5)
    with pytest.raises(ParamsError, match="BinaryCrossentropy: takes numbers between 0 and 1"):
        compile_for_testing(dense(1), values, spec, REPOSITORY)
    standard = spec_of(PRICES, "standard")
    with pytest.raises(ParamsError, match="isn't for the target kind regression with 1 number;"):
        compile_for_testing(made, values, standard, REPOSITORY)
