"""Two classes as people write them: one or two outputs, probabilities or logits, any loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Input, Spec, Target
from lockstep.errors import ParamsError
from tests.support.workspaces import REPOSITORY, with_values

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 3)).astype(np.float32)
Y = (RANDOM.random(300) < 0.1).astype(np.uint8)  # rare, so that a mean over classes is another one
KERNEL = RANDOM.normal(size=(3, 1)).astype(np.float32)
TARGET = Target("classification", ["no", "yes"])
SPEC = Spec("x", {"x": Input("table", [3], "float32", {})}, {"y": TARGET}, {}, "none")
METRICS = [
    "Accuracy", "BinaryAccuracy", "Precision", "Recall", "AUC", "TruePositives", "FalseNegatives",
    "SparseCategoricalCrossentropy", "F1Score",
]  # fmt: skip
LOSSES = ["auto", "SparseCategoricalCrossentropy", "CategoricalCrossentropy", "BinaryCrossentropy"]


def model(outputs: int, activation: str | None) -> Any:
    """The same function for each way of writing two classes; two outputs differ by one's logit."""
    import keras

    layer = keras.layers.Dense(outputs, activation)
    made = keras.Sequential([keras.Input((3,)), layer])
    half = np.concatenate([-KERNEL / 2, KERNEL / 2], axis=1)
    layer.set_weights([KERNEL if outputs == 1 else half, np.zeros(outputs, np.float32)])
    return made


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("outputs", "activation"), [(1, "sigmoid"), (1, None), (2, "softmax"), (2, None)]
)
def test_loss_and_metrics_are_those_of_keras(
    tensorflow: Any, loss: str, outputs: int, activation: str | None
) -> None:
    import keras

    from lockstep.modeling.compile import compile_for_testing

    made = model(outputs, activation)
    values = with_values({"train.loss": loss, "train.metrics": METRICS})
    compile_for_testing(made, values, SPEC, REPOSITORY)
    found = made.evaluate(X, Y, verbose=0, return_dict=True, batch_size=300)
    p = 1 / (1 + np.exp(-(X @ KERNEL)))
    expected = {"loss": float(keras.losses.BinaryCrossentropy()(Y[:, None], p))}
    for name in ("Precision", "Recall", "AUC", "TruePositives", "FalseNegatives"):
        metric = getattr(keras.metrics, name)(name=name)
        metric.update_state(Y[:, None], p)
        expected[name] = float(metric.result())
    for name, value in expected.items():
        snake = {"TruePositives": "true_positives", "FalseNegatives": "false_negatives"}
        assert found[snake.get(name, name.lower())] == pytest.approx(value, abs=1e-5), name
    assert found["accuracy"] == pytest.approx(float(((p[:, 0] > 0.5) == Y).mean()))


@pytest.mark.parametrize(
    ("outputs", "activation"), [(1, "sigmoid"), (1, None), (2, "softmax"), (2, None)]
)
def test_the_served_probability_is_the_second_ones(
    tensorflow: Any, outputs: int, activation: str | None
) -> None:
    from lockstep.modeling.outputs import given_by, probabilities

    made = model(outputs, activation)
    served = probabilities(given_by(made, SPEC), SPEC.targets)(made(X))
    np.testing.assert_allclose(served, 1 / (1 + np.exp(-(X @ KERNEL))), atol=1e-5)


def test_three_outputs_are_refused(tensorflow: Any) -> None:
    import keras

    from lockstep.modeling.outputs import given_by

    made = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "softmax")])
    with pytest.raises(ParamsError, match=r"the model's output has the shape \(3,\)"):
        given_by(made, SPEC)


def test_a_metric_has_its_own_name(tensorflow: Any) -> None:
    from lockstep.modeling.compile import compile_for_testing

    strict = {"class": "Precision", "name": "p90", "thresholds": 0.9}
    counts = [{"class": "FalseNegatives", "name": "fn"}, {"class": "FalsePositives", "name": "fp"}]
    values = with_values({"train.metrics": ["Precision", strict, *counts]})
    made = model(1, "sigmoid")
    compile_for_testing(made, values, SPEC, REPOSITORY)
    found = made.evaluate(X, Y, verbose=0, return_dict=True)
    p = 1 / (1 + np.exp(-(X @ KERNEL)))[:, 0]
    assert set(found) == {"loss", "precision", "p90", "fn", "fp"}
    assert found["p90"] == pytest.approx(float(Y[p > 0.9].mean()), abs=1e-5)
    assert found["fn"] == int((Y[p <= 0.5] == 1).sum())
    assert found["fp"] == int((Y[p > 0.5] == 0).sum())


def test_the_direction_of_a_metric_with_its_own_name_is_its_classs() -> None:
    from lockstep.evaluation.directions import direction

    own = with_values({"train.metrics": [{"class": "FalseNegatives", "name": "fn"}]}).train
    assert direction("val_fn", "auto", [], "train.monitor", own.own_names) == "min"
    with pytest.raises(ParamsError, match="no known direction"):
        direction("fp", "auto", [], "train.monitor", own.own_names)


def test_two_metrics_of_one_name_are_refused() -> None:
    named = {"class": "Precision", "name": "p"}
    with pytest.raises(ParamsError, match="got two metrics with the name p"):
        with_values({"train.metrics": [named, {**named, "thresholds": 0.9}]})


@pytest.mark.system
def test_a_requested_metric_is_what_keras_says_in_all_files(ready: Path) -> None:
    """A model that finds no rare example has precision 0, whatever a mean over the classes says."""
    import csv
    import json

    from lockstep.data.spec import load_examples, read_spec, save_examples, write_spec
    from tests.support.workspaces import change_params, run_stages

    spec = read_spec(ready)
    for split in spec.splits:
        examples = load_examples(ready, split)
        rare = (np.asarray(examples.y) == 9).astype(np.uint8)
        folder = ready / "data" / "ready"
        save_examples(examples._replace(y=rare), split, folder, folder)
    import dataclasses

    target = {next(iter(spec.targets)): Target("classification", ["others", "nine"])}
    write_spec(dataclasses.replace(spec, targets=target), ready / "data" / "ready")
    changes = {
        "train.metrics": ["Precision", "Recall"], "train.learning_rate": 1e-9, "train.epochs": 1,
    }  # fmt: skip
    change_params(ready, changes)
    run_stages(ready, "build", "train", "evaluate")
    found = json.loads((ready / "report" / "metrics.json").read_text())["test"]
    p = np.load(ready / "report" / "outputs.npy")[:, 0]
    y = np.asarray(load_examples(ready, "test").y)
    hits = int(((p > 0.5) & (y == 1)).sum())
    assert found["precision"] == pytest.approx(hits / max(1, int((p > 0.5).sum())), abs=1e-6)
    assert found["recall"] == pytest.approx(hits / int(y.sum()), abs=1e-6)
    assert found["macro_recall"] != found["recall"]
    with (ready / "report" / "history.csv").open(newline="") as lines:
        assert {"precision", "val_recall"} <= set(next(csv.DictReader(lines)))
