"""Each loss and metric of Keras on each kind of target: right by its definition, or refused."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from lockstep.config import keras_names
from lockstep.config.schema import KerasObjectConfig
from lockstep.data.spec import Examples, Input, Spec, Target
from lockstep.errors import ParamsError
from lockstep.modeling.target_forms import LOSSES, METRICS, accepted, form_of
from tests.support import forms_table
from tests.support import keras_in_numpy as by_hand
from tests.support.workspaces import with_values

COUNT, BATCH = 200, 64  # the last batch has 8
RANDOM = np.random.default_rng(1)
X = RANDOM.integers(0, 255, (COUNT, 6), np.uint8)
STATISTICS = {"minimum": [0.0] * 6, "maximum": [255.0] * 6, "mean": [0.0] * 6, "deviation": [1] * 6}
PAIRS = ("IoU", "OneHotIoU")


def names(count: int) -> list[str]:
    return [str(each) for each in range(count)]


class Case(NamedTuple):
    """A target, and random values of it for `COUNT` examples."""

    target: Target
    y: np.ndarray


def whole(high: int, *shape: int) -> np.ndarray:
    return RANDOM.integers(0, high, (COUNT, *shape), np.uint8)


CASES = {
    "classification-2": Case(Target("classification", names(2)), whole(2)),
    "classification-5": Case(Target("classification", names(5)), whole(5)),
    "multilabel": Case(Target("multilabel", names(3), [3]), whole(2, 3)),
    "regression": Case(Target("regression"), RANDOM.random(COUNT).astype(np.float32)),
    "regression-3": Case(
        Target("regression", [], [3]), RANDOM.random((COUNT, 3)).astype(np.float32)
    ),
    "image": Case(
        Target("image", [], [2, 3, 3], {"minimum": 0.0, "maximum": 255.0}), whole(255, 2, 3, 3)
    ),
    "mask-2": Case(Target("mask", names(2), [2, 3]), whole(2, 2, 3)),
    "mask-4": Case(Target("mask", names(4), [2, 3]), whole(4, 2, 3)),
    "sequence-3": Case(Target("sequence", names(3), [4]), whole(3, 4)),
    "sequence-numbers": Case(
        Target("sequence", [], [4, 2]), RANDOM.random((COUNT, 4, 2)).astype(np.float32)
    ),
}


def taken(table: dict[str, dict[str, str]], target: Target) -> list[str]:
    return [name for name in table if accepted(table, name, target)]


def each_pair() -> Iterator[tuple[str, str]]:
    for kind, case in CASES.items():
        for loss in taken(LOSSES, case.target):
            yield kind, loss


SIMPLE: dict[str, Callable[..., Any]] = {
    "AUC": by_hand.auc,
    "BinaryCrossentropy": by_hand.mean_of(by_hand.binary_crossentropy),
    "CategoricalAccuracy": by_hand.top(1),
    "CategoricalCrossentropy": by_hand.mean_of(by_hand.categorical_crossentropy),
    "CategoricalHinge": by_hand.mean_of(by_hand.categorical_hinge),
    "ConcordanceCorrelation": by_hand.mean_of(by_hand.concordance),
    "CosineSimilarity": by_hand.mean_of(by_hand.cosine),
    "FalseNegatives": lambda y, p: by_hand.counts(y, p, 0.5)[3],
    "FalsePositives": lambda y, p: by_hand.counts(y, p, 0.5)[2],
    "Hinge": by_hand.mean_of(by_hand.hinge),
    "KLDivergence": by_hand.mean_of(by_hand.kl_divergence),
    "LogCoshError": by_hand.mean_of(by_hand.log_cosh),
    "MeanAbsoluteError": lambda y, p: np.abs(y - p).mean(),
    "MeanAbsolutePercentageError": by_hand.mean_of(by_hand.percentage),
    "MeanSquaredError": lambda y, p: ((y - p) ** 2).mean(),
    "MeanSquaredLogarithmicError": by_hand.mean_of(by_hand.squared_logarithmic),
    "PearsonCorrelation": by_hand.mean_of(by_hand.pearson),
    "Poisson": by_hand.mean_of(by_hand.poisson),
    "Precision": by_hand.at_half(by_hand.precision),
    "PrecisionAtRecall": by_hand.best(by_hand.precision, by_hand.sensitivity),
    "R2Score": by_hand.r2,
    "Recall": by_hand.at_half(by_hand.sensitivity),
    "RecallAtPrecision": by_hand.best(by_hand.sensitivity, by_hand.precision),
    "RootMeanSquaredError": lambda y, p: np.sqrt(((y - p) ** 2).mean()),
    "SensitivityAtSpecificity": by_hand.best(by_hand.sensitivity, by_hand.specificity),
    "SparseCategoricalAccuracy": by_hand.top(1),
    "SparseCategoricalCrossentropy": by_hand.mean_of(by_hand.sparse_crossentropy),
    "SparseTopKCategoricalAccuracy": by_hand.top(2),
    "SpecificityAtSensitivity": by_hand.best(by_hand.specificity, by_hand.sensitivity),
    "SquaredHinge": by_hand.mean_of(by_hand.squared_hinge),
    "TopKCategoricalAccuracy": by_hand.top(2),
    "TrueNegatives": lambda y, p: by_hand.counts(y, p, 0.5)[1],
    "TruePositives": lambda y, p: by_hand.counts(y, p, 0.5)[0],
}
OF_LOSSES = {
    "BinaryFocalCrossentropy": by_hand.mean_of(by_hand.binary_focal),
    "CategoricalFocalCrossentropy": by_hand.mean_of(by_hand.categorical_focal),
    "CategoricalGeneralizedCrossEntropy": by_hand.mean_of(by_hand.generalized_crossentropy),
    "CosineSimilarity": lambda y, p: -by_hand.cosine(y, p).mean(),
    "Dice": by_hand.overlap,
    "Huber": by_hand.mean_of(by_hand.huber),
    "LogCosh": SIMPLE["LogCoshError"],
    "Tversky": by_hand.overlap,
}
TAKE_NUMBERS_OF_CLASSES = ("CategoricalGeneralizedCrossEntropy",)
# For two classes these compare the second class's probability, not a column for each class.
OF_THE_SECOND = {
    "AUC", "BinaryCrossentropy", "BinaryFocalCrossentropy", "Dice", "Huber", "LogCosh", "Tversky",
    "FalseNegatives", "FalsePositives", "Hinge", "LogCoshError",
    "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError",
    "MeanSquaredLogarithmicError", "Poisson", "Precision", "PrecisionAtRecall", "Recall",
    "RecallAtPrecision", "RootMeanSquaredError", "SensitivityAtSpecificity",
    "SpecificityAtSensitivity", "SquaredHinge", "TrueNegatives", "TruePositives",
}  # fmt: skip


def expected(
    name: str,
    target: Target,
    y: np.ndarray,
    outputs: np.ndarray,
    functions: dict[str, Callable[..., Any]] = SIMPLE,
) -> np.ndarray:
    """A metric's value by its definition, of targets and outputs as they are stored."""
    p = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
    if target.values != "classes":
        return of_columns(name, target, y.reshape(p.shape).astype(np.float64), p, functions)
    labels = y.ravel().astype(int)
    if target.outputs == 1 and name in OF_THE_SECOND:
        return np.asarray(functions[name](labels[:, None].astype(float), p))
    columns = np.concatenate([1 - p, p], axis=1) if target.outputs == 1 else p
    one_hot = np.eye(len(target.classes))[labels]
    guess = columns.argmax(1)
    if name in ("Accuracy", "BinaryAccuracy"):
        return np.asarray((guess == labels).mean())
    if name == "BinaryIoU":
        return by_hand.iou(labels, guess, 2)[1]
    if "IoU" in name:
        each = by_hand.iou(labels, guess, len(target.classes))
        return each[0] if name in PAIRS else np.nanmean(each)
    sparse = name in TAKE_NUMBERS_OF_CLASSES or name == "SparseCategoricalCrossentropy"
    return of_columns(name, target, labels if sparse else one_hot, columns, functions)


def of_columns(
    name: str,
    target: Target,
    y: np.ndarray,
    p: np.ndarray,
    functions: dict[str, Callable[..., Any]],
) -> np.ndarray:
    labels = target.values == "labels"
    if name in ("F1Score", "FBetaScore"):
        return by_hand.f1(2 if name == "FBetaScore" else 1)(y, p, labels=labels)
    if labels and name in ("Accuracy", "BinaryAccuracy"):
        return np.asarray(((p > 0.5) == (y > 0.5)).mean())
    if labels and name == "BinaryIoU":
        return by_hand.iou(y > 0.5, p > 0.5, 2)[1]
    return np.asarray(functions[name](y, p))


def spec_of(target: Target) -> Spec:
    return Spec("x", {"x": Input("table", [6], "uint8", STATISTICS)}, {"y": target}, {}, "unit")


def model_for(target: Target, activation: str | None = None) -> Any:
    import keras

    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(int(np.prod(target.output_shape))),
            keras.layers.Reshape(target.output_shape),
            keras.layers.Activation(activation or target.activation),
        ]
    )


def loop_for(
    make_loop: Any, case: Case, replicas: int, values: dict[str, Any], **options: Any
) -> Any:
    from functools import partial

    from lockstep.modeling.preprocessing import scaled_targets

    spec = spec_of(case.target)
    return make_loop(
        replicas,
        BATCH,
        spec=spec,
        values=with_values(values),
        model=lambda: model_for(case.target, **options),
        steps={"scale_targets": partial(scaled_targets, spec)},
    )


def check(make_loop: Any, kind: str, loss: str) -> None:
    case = CASES[kind]
    metrics = taken(METRICS, case.target)
    configs = [{"name": name, **by_hand.ARGUMENTS.get(name, {})} for name in metrics]
    examples = Examples(X, case.y)
    for replicas in (1, 2):
        of_batch = loss in ("Dice", "Tversky")
        config = {"name": loss, "axis": [-1]} if of_batch and replicas > 1 else loss
        loop = loop_for(make_loop, case, replicas, {"train.loss": config, "train.metrics": configs})
        found = loop.evaluate(examples)
        outputs = loop.predict(examples)["y"]
        y = case.y / np.float32(255) if kind == "image" else case.y
        logged = [name for name in found if name != "loss"]
        for name in metrics:
            value = np.atleast_1d(expected(name, case.target, y, outputs))
            mine = [found[logged.pop(0)] for _ in value]
            np.testing.assert_allclose(mine, value, rtol=2e-5, atol=1e-5, err_msg=name)
        assert logged == []
        if not of_batch:
            right = expected(loss, case.target, y, outputs, SIMPLE | OF_LOSSES)
            np.testing.assert_allclose(found["loss"], right, rtol=2e-5, atol=1e-5)


@pytest.fixture
def eager(tensorflow: Any) -> Iterator[None]:
    """Without tracing, which would take most of the time."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


DEFAULTS = {
    "classification-2": "BinaryCrossentropy", "classification-5": "SparseCategoricalCrossentropy",
    "multilabel": "BinaryCrossentropy", "mask-4": "SparseCategoricalCrossentropy",
    "regression-3": "MeanSquaredError", "image": "MeanSquaredError",
}  # fmt: skip


@pytest.mark.system  # it takes a minute: each metric is traced
@pytest.mark.parametrize(("kind", "loss"), list(DEFAULTS.items()))
def test_metrics_beside_a_default_loss(make_loop: Any, kind: str, loss: str) -> None:
    check(make_loop, kind, loss)


@pytest.mark.system
@pytest.mark.parametrize(("kind", "loss"), list(each_pair()))
def test_metrics_beside_every_loss(make_loop: Any, eager: None, kind: str, loss: str) -> None:
    check(make_loop, kind, loss)


def test_every_loss_and_metric_of_keras_is_in_the_table() -> None:
    assert set(LOSSES) == set(keras_names.LOSSES)
    assert set(METRICS) == set(keras_names.METRICS)


@pytest.mark.parametrize("kind", CASES)
def test_what_is_not_for_a_kind_is_refused_with_what_is(kind: str) -> None:
    target = CASES[kind].target
    for key, table in (("train.loss", LOSSES), ("train.metrics", METRICS)):
        for name in set(table) - set(taken(table, target)):
            with pytest.raises(ParamsError) as caught:
                form_of(key, KerasObjectConfig(name=name), target)
            said = str(caught.value)
            assert said.startswith(
                f"{key}: got {name}, which isn't for the target kind {target.kind}"
            )
            assert f"one of {taken(table, target)[0]}" in said


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("classification-2", "BinaryCrossentropy"),
        ("classification-2", "CategoricalCrossentropy"),
        ("classification-5", "SparseCategoricalCrossentropy"),
        ("mask-4", "CategoricalCrossentropy"),
    ],
)
def test_a_model_without_a_last_activation_gives_logits(
    make_loop: Any, kind: str, loss: str
) -> None:
    case, examples = CASES[kind], Examples(X, CASES[kind].y)
    values = {"train.loss": loss, "train.metrics": ["accuracy", "AUC"]}
    plain = loop_for(make_loop, case, 1, values)
    wanted = plain.evaluate(examples)
    weights = plain.model.get_weights()
    loop = loop_for(make_loop, case, 1, values, activation="linear")
    loop.model.set_weights(weights)
    assert loop.evaluate(examples) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize(
    ("loss", "activation", "said"),
    [
        ({"name": "BinaryCrossentropy", "from_logits": True}, "sigmoid", "expected false"),
        ({"name": "BinaryCrossentropy", "from_logits": False}, "linear", "expected true"),
        ("BinaryCrossentropy", "tanh", "aren't probabilities"),
        ("MeanSquaredError", "linear", "so that its outputs are logits; expected sigmoid"),
    ],
)
def test_from_logits_that_contradicts_the_model_is_refused(
    make_loop: Any, loss: Any, activation: str, said: str
) -> None:
    with pytest.raises(ParamsError, match=said):
        loop_for(
            make_loop, CASES["classification-2"], 1, {"train.loss": loss}, activation=activation
        )


def test_a_weight_of_each_example_weighs_all_of_its_pixels(make_loop: Any) -> None:
    case = CASES["mask-4"]
    weights = RANDOM.random(COUNT).astype(np.float32)
    loop = loop_for(make_loop, case, 1, {})
    found = loop.evaluate(Examples(X, case.y, weights))["loss"]
    p = loop.predict(Examples(X, case.y))["y"].reshape(-1, 4)
    each = by_hand.sparse_crossentropy(case.y.ravel(), p).reshape(COUNT, -1)
    assert found == pytest.approx(float((each * weights[:, None]).mean()), abs=1e-5)


@pytest.mark.parametrize("loss", ["Dice", "Tversky"])
@pytest.mark.parametrize("kind", ["mask-2", "mask-4", "multilabel"])
def test_an_overlap_is_that_of_the_batch(make_loop: Any, kind: str, loss: str) -> None:
    case = CASES[kind]
    loop = loop_for(make_loop, case, 1, {"train.loss": loss})
    batch = Examples(X[:BATCH], case.y[:BATCH])
    outputs = loop.predict(batch)["y"]
    right = expected(loss, case.target, batch.y, outputs, OF_LOSSES)
    assert loop.evaluate(batch)["loss"] == pytest.approx(float(right), abs=1e-5)


def test_a_loss_over_a_batch_is_refused_with_replicas(make_loop: Any) -> None:
    with pytest.raises(ParamsError, match=r"^train\.loss: Dice: divides sums over a batch"):
        loop_for(make_loop, CASES["mask-2"], 2, {"train.loss": "Dice"})


def test_a_metric_with_another_count_of_classes_is_refused(make_loop: Any) -> None:
    metric = {"name": "MeanIoU", "num_classes": 3}
    with pytest.raises(ParamsError, match=r"got num_classes 3, expected 5"):
        loop_for(make_loop, CASES["classification-5"], 1, {"train.metrics": [metric]})


def test_the_page_shows_the_table() -> None:
    assert forms_table.FILE.read_text(encoding="utf-8") == forms_table.render()


def test_a_picture_that_is_no_sigmoid_has_no_binary_crossentropy(make_loop: Any) -> None:
    for values in ({"train.loss": "BinaryCrossentropy"}, {"train.metrics": ["BinaryCrossentropy"]}):
        with pytest.raises(ParamsError, match="takes numbers between 0 and 1"):
            loop_for(make_loop, CASES["image"], 1, values, activation="linear")
    loop = loop_for(make_loop, CASES["image"], 1, {"train.metrics": ["mae"]}, activation="linear")
    found, y = loop.evaluate(Examples(X, CASES["image"].y)), CASES["image"].y / np.float32(255)
    outputs = loop.predict(Examples(X, CASES["image"].y))["y"]
    assert found["mean_absolute_error"] == pytest.approx(
        float(np.abs(y - outputs).mean()), abs=1e-5
    )


def test_padded_steps_count_neither_in_the_loss_nor_in_metrics(make_loop: Any) -> None:
    import keras

    def model() -> Any:
        steps = keras.layers.Reshape((4, 3))
        layers = [
            keras.Input((12,)),
            steps,
            keras.layers.Masking(),
            keras.layers.GRU(5, return_sequences=True),
        ]
        return keras.Sequential([*layers, keras.layers.Dense(3, "softmax")])

    x = RANDOM.integers(1, 255, (COUNT, 4, 3), np.uint8)
    kept = np.arange(4) < RANDOM.integers(1, 5, COUNT)[:, None]
    x[~kept] = 0
    case = CASES["sequence-3"]
    bounds = {
        "minimum": [0.0] * 12,
        "maximum": [255.0] * 12,
        "mean": [0.0] * 12,
        "deviation": [1] * 12,
    }
    spec = Spec("x", {"x": Input("table", [12], "uint8", bounds)}, {"y": case.target}, {}, "unit")
    before = lambda: keras.Sequential([keras.Input((12,)), keras.layers.Rescaling(1 / 255)])  # noqa: E731
    values = with_values({"train.metrics": ["accuracy", "CategoricalAccuracy"]})
    loop = make_loop(1, BATCH, spec=spec, values=values, model=model, preprocess=before)
    examples = Examples(x.reshape(COUNT, 12), case.y)
    found, outputs = loop.evaluate(examples), loop.predict(examples)["y"]
    right = (outputs.argmax(-1) == case.y)[kept].mean()
    assert found["accuracy"] == pytest.approx(right, abs=1e-5)
    assert found["categorical_accuracy"] == pytest.approx(right, abs=1e-5)
    each = by_hand.sparse_crossentropy(case.y.ravel(), outputs.reshape(-1, 3)).reshape(COUNT, 4)
    by_batch = [(each[at : at + BATCH], kept[at : at + BATCH]) for at in range(0, COUNT, BATCH)]
    # Keras's mean over a batch is over the steps that count; batches weigh by their examples.
    means = [(one[mask].mean(), len(one)) for one, mask in by_batch]
    wanted = sum(mean * count for mean, count in means) / COUNT
    assert found["loss"] == pytest.approx(float(wanted), abs=1e-5)
