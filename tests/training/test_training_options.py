"""Class and sample weights, precision, XLA, and automatic steps_per_execution."""

import importlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from lockstep.data.spec import Examples
from lockstep.errors import ParamsError
from lockstep.training import class_weight
from tests.support.loops import (
    SOME,
    SPEC,
    TRAIN,
    WEIGHTS,
    Watch,
    X,
    Y,
    assert_close,
    assert_equal,
    dense,
    spec_of,
    weights,
)
from tests.support.workspaces import with_values

LABELS = np.array([0] * 6 + [1] * 3 + [2], np.uint8)
DENSE_MODELS = (
    "custom_layer", "linear", "linear_subclassed", "mlp", "mlp_functional", "mlp_subclassed",
    "naive",
)  # fmt: skip
CONVOLUTIONS = ("cnn", "cnn_functional", "cnn_subclassed", "residual")
BY_CLASS = np.array([0.5, 2, 1], np.float32)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("balanced", [10 / 18, 10 / 9, 10 / 3]),
        ({"a": 2, "c": 0.5}, [2, 1, 0.5]),
        ({}, [1, 1, 1]),
        (None, None),
    ],
)
def test_class_weights_are_in_the_order_of_labels(setting: Any, expected: Any) -> None:
    values = with_values({"train.class_weight": setting}).train.class_weight
    found = class_weight.of(values, SPEC, LABELS)
    assert found is None if expected is None else found == pytest.approx(expected)


def test_balanced_classes_have_the_same_total_weight() -> None:
    found = class_weight.of("balanced", SPEC, LABELS)
    assert found is not None
    assert np.bincount(LABELS, found[LABELS]) == pytest.approx([10 / 3] * 3)


def test_a_class_without_examples_has_a_finite_weight() -> None:
    found = class_weight.of("balanced", SPEC, LABELS[:6])
    assert np.isfinite(found).all()


def test_a_class_may_be_named_by_a_number() -> None:
    digits = spec_of([6], "012")
    setting = with_values({"train.class_weight": {2: 3.0}}).train.class_weight
    assert class_weight.of(setting, digits, LABELS) == pytest.approx([1, 1, 3])


def test_an_unknown_class_lists_the_known_ones() -> None:
    with pytest.raises(ParamsError) as caught:
        class_weight.of({"d": 2.0}, SPEC, LABELS)
    assert str(caught.value) == "train.class_weight: got 'd', expected one of a, b, c"


def test_class_weight_needs_classes() -> None:
    spec = spec_of([6])
    with pytest.raises(ParamsError, match="x has no classes, expected null"):
        class_weight.of("balanced", spec, LABELS)


@pytest.mark.parametrize(
    ("train", "by_class"),
    [(Examples(X, Y, WEIGHTS), None), (TRAIN, BY_CLASS), (Examples(X, Y, WEIGHTS), BY_CLASS)],
    ids=["examples", "classes", "both"],
)
def test_weights_count_as_in_keras(make_loop: Any, train: Examples, by_class: Any) -> None:
    ours, theirs, watch = make_loop(steps={"class_weight": by_class}), make_loop(), Watch()
    ours.fit(train, SOME, [watch], epochs=1)
    x = theirs.steps.preprocess(X).numpy()
    each = np.ones(70) if train.sample_weight is None else train.sample_weight
    each = each if by_class is None else each * by_class[Y]
    losses = []
    for batch in theirs.order_of(70, 0):
        theirs.model.reset_metrics()
        found = theirs.model.train_on_batch(x[batch], Y[batch], sample_weight=each[batch])
        losses.append(found[0])
    assert_close(weights(ours), weights(theirs), 1e-6)
    assert watch.epochs[0]["loss"] == pytest.approx(np.mean(losses), abs=1e-5)
    assert watch.epochs[0]["val_loss"] == pytest.approx(theirs.evaluate(SOME)["loss"], abs=1e-5)


@pytest.mark.parametrize(
    ("precision", "replicas"), [("mixed_float16", 1), ("mixed_bfloat16", 1), ("mixed_bfloat16", 2)]
)
def test_mixed_precision_computes_in_half_and_keeps_float32_variables(
    make_loop: Any, tmp_path: Path, precision: str, replicas: int
) -> None:
    from lockstep.modeling.weights import save_weights
    from lockstep.training.history import WriteHistory

    loop, whole = make_loop(replicas, precision=precision), make_loop()
    history = WriteHistory(tmp_path / "history.csv")
    assert f"mixed_{loop.model.layers[0].compute_dtype}" == precision
    for each in (loop, whole):
        each.fit(TRAIN, SOME, [history], epochs=2)
    assert_close(weights(loop), weights(whole), 0.03)
    assert (weights(loop)[0] != weights(whole)[0]).any()
    assert history.rows[0]["learning_rate"] == pytest.approx(0.01)
    assert loop.predict(TRAIN)["y"].dtype == np.float32
    save_weights(loop.model, tmp_path / "last.weights.h5")
    found = set()
    with h5py.File(tmp_path / "last.weights.h5") as file:
        file.visititems(lambda _, item: found.add(getattr(item, "dtype", None)))
    assert found - {None} == {np.dtype("float32")}


def test_precision_does_not_carry_over_to_the_next_loop(make_loop: Any) -> None:
    assert make_loop(precision="mixed_bfloat16").model.layers[0].compute_dtype == "bfloat16"
    assert make_loop().model.layers[0].compute_dtype == "float32"


def convolutional() -> Any:
    import keras

    reshape, back = keras.layers.Reshape((6, 1, 1)), keras.layers.Flatten()
    return keras.Sequential([keras.Input((6,)), reshape, keras.layers.Conv2D(2, 1), back])


def nested() -> Any:
    import keras

    return keras.Sequential([keras.Input((6,)), convolutional()])


def noisy() -> Any:
    import keras

    return dense(keras.layers.GaussianNoise(0.1))


def dropping() -> Any:
    import keras

    return dense(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))


def as_dict(name: str) -> Any:
    return lambda: importlib.import_module(f"models.{name}").build((28, 28, 1), 10, "softmax")


def never_called() -> Any:
    from models.mlp_subclassed import MLP

    return MLP([5], 3, "softmax")


def own_step() -> Any:
    import keras

    class Mine(keras.Model):
        def train_step(self, data: Any) -> Any:
            return super().train_step(data)

    inputs = keras.Input((6,))
    return Mine(inputs, keras.layers.Dense(3)(inputs))


@pytest.mark.parametrize(
    ("model", "replicas", "kind", "augmented", "expected"),
    [
        (dense, 1, "CPU", False, True),
        (dense, 2, "CPU", False, False),
        (dense, 1, "GPU", False, False),
        (dense, 1, "CPU", True, False),
        (convolutional, 1, "CPU", False, False),
        (nested, 1, "CPU", False, False),
        (noisy, 1, "CPU", False, False),
        (dropping, 1, "CPU", False, True),
        (never_called, 1, "CPU", False, False),
        (own_step, 1, "CPU", False, False),
        *((as_dict(name), 1, "CPU", False, True) for name in DENSE_MODELS),
        *((as_dict(name), 1, "CPU", False, False) for name in CONVOLUTIONS),
    ],
)
def test_xla_is_for_dense_models_on_one_cpu_device(
    tensorflow: Any, model: Any, replicas: int, kind: str, augmented: bool, expected: bool
) -> None:
    from lockstep.runtime.strategy import start_runtime
    from lockstep.training import xla

    with start_runtime(0).scope():
        made = model()
    before = [np.array(each) for each in made.variables]
    assert xla.jit_compile(made, replicas, kind, augmented=augmented) == expected
    assert_equal(before, [np.array(each) for each in made.variables])


def test_xla_trains_as_without(make_loop: Any) -> None:
    loops = [make_loop(steps={"jit_compile": compiled}) for compiled in (True, False)]
    for loop in loops:
        loop.fit(TRAIN, SOME, [], epochs=2)
    assert_close(*map(weights, loops))


def test_a_larger_model_gets_fewer_steps_per_execution(tensorflow: Any) -> None:
    from lockstep.training import xla

    small, large = (xla.steps_per_execution(flops, 32, "CPU") for flops in (10**7, 10**8))
    assert 1 < large < small < xla.MAX_STEPS
    assert xla.steps_per_execution(10**7, 64, "CPU") < small
    assert xla.steps_per_execution(10**7, 32, "GPU") > small
    assert xla.steps_per_execution(0, 32, "CPU") == xla.MAX_STEPS
    assert xla.steps_per_execution(10**15, 32, "CPU") == 1


def test_flops_of_a_recurrent_layer_count_each_time_step(tensorflow: Any) -> None:
    import keras

    from lockstep.modeling.flops import count_flops

    def flops(rows: int) -> int:
        layers = [keras.Input((rows, 8)), keras.layers.SimpleRNN(16), keras.layers.Dense(2)]
        inputs = keras.Input((rows, 8))
        return count_flops(keras.Sequential(layers), keras.Model(inputs, inputs))

    # 8 x 16 input weights and 16 x 16 state weights, for each row.
    assert flops(10) == pytest.approx(10 * 2 * (8 * 16 + 16 * 16), rel=0.2)
    assert flops(40) == pytest.approx(4 * flops(10), rel=0.2)
