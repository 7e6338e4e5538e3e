"""Several replicas train as one; options that would differ are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples, load_examples, read_spec
from lockstep.errors import ParamsError
from lockstep.runtime import devices
from tests.support.loops import (
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
from tests.support.workspaces import change_params, stage, with_values

CLASS_WEIGHTS = {"class_weight": np.array([0.5, 2, 1], np.float32)}


def regularized() -> Any:
    import keras

    return dense(kernel_regularizer=keras.regularizers.L2(0.1))


def normalized(synchronized: bool = True) -> Any:
    import keras

    return dense(keras.layers.BatchNormalization(synchronized=synchronized))


def dropped() -> Any:
    import keras

    return dense(keras.layers.Dropout(0.5))


def by_function(y_true: Any, y_pred: Any) -> Any:
    import keras

    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred) ** 2


def by_class(reduction: str = "sum_over_batch_size") -> Any:
    import keras

    class Squared(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return by_function(y_true, y_pred)

    return Squared(reduction=reduction)


def descent(**parts: Any) -> dict[str, Any]:
    """SGD: Adam would amplify gradients that batch normalization reduces to rounding noise."""
    import keras

    return {"optimizer": keras.optimizers.SGD(0.01, momentum=0.9), "metrics": [], **parts}


@pytest.mark.parametrize(
    ("train", "options"),
    [
        pytest.param(TRAIN, {"model": regularized}, id="regularizers"),
        pytest.param(TRAIN, {"model": normalized}, id="synchronized"),
        pytest.param(TRAIN, {"parts": lambda: descent(loss=by_function)}, id="function"),
        pytest.param(TRAIN, {"parts": lambda: descent(loss=by_class())}, id="class"),
        pytest.param(TRAIN, {"parts": lambda: descent(loss=by_class("sum"))}, id="sum"),
        pytest.param(TRAIN, {"steps": CLASS_WEIGHTS}, id="class-weights"),
        pytest.param(Examples(X, Y, WEIGHTS), {}, id="weights"),
        pytest.param(Examples(X, Y, WEIGHTS), {"steps": CLASS_WEIGHTS}, id="both-weights"),
    ],
)
def test_two_replicas_train_as_one(
    make_loop: Any, train: Examples, options: dict[str, Any]
) -> None:
    options = {"parts": descent, **options}
    loops, watches = [make_loop(count, **options) for count in (1, 2)], [Watch(), Watch()]
    for loop, watch in zip(loops, watches, strict=True):
        loop.fit(train, None, [watch], steps=11)
    assert_close(*map(weights, loops))
    for one, two in zip(*(watch.epochs for watch in watches), strict=True):
        assert one == pytest.approx(two, abs=1e-5)


@pytest.mark.system
@pytest.mark.parametrize("model", [lambda: normalized(synchronized=False), dropped])
def test_layers_that_differ_by_replica_train_the_same_twice(
    make_loop: Any, model: Callable[[], Any]
) -> None:
    loops = [make_loop(2, model=model, parts=descent) for _ in range(2)]
    before = weights(loops[0])
    for loop in loops:
        loop.fit(TRAIN, None, [], steps=11)
    assert_equal(*map(weights, loops))
    assert (weights(loops[0])[0] != before[0]).any()
    assert all(np.isfinite(each).all() for each in weights(loops[0]))


@pytest.mark.parametrize(("name", "steps", "atol"), [("cnn", 10, 1e-5), ("mlp", 80, 1e-4)])
def test_the_models_train_digits_on_two_replicas_as_on_one(
    prepared: Path, name: str, steps: int, atol: float
) -> None:
    from lockstep.modeling import preprocessing
    from lockstep.modeling.compile import compile_for_training
    from lockstep.modeling.model import make_model
    from lockstep.runtime.strategy import start_runtime
    from lockstep.training.loop import Loop
    from lockstep.training.steps import Steps

    spec, train = read_spec(prepared), load_examples(prepared, "train")
    values, found = with_values({"model.name": name}), []
    seed = 1  # seed 0 leads to a tie in max pooling that rounding decides
    for replicas in (1, 2):
        strategy = start_runtime(seed, replicas)
        with strategy.scope():
            model = make_model(values, spec)
            compile_for_training(model, values, spec, replicas, prepared)
            made = Steps(model, strategy, preprocessing.layers(spec))
        Loop(made, 32, seed).fit(train, None, [], steps=steps)
        found.append(model.get_weights())
    assert_close(found[0], found[1], atol)


def test_mean_with_sample_weight_is_refused_with_two_replicas(make_loop: Any) -> None:
    loss = {"name": "sparse_categorical_crossentropy", "reduction": "mean_with_sample_weight"}
    values = with_values({"train.loss": loss})
    make_loop(1, values=values)
    with pytest.raises(ParamsError, match=r"^train\.loss\.reduction: got mean_with_sample_weight "):
        make_loop(2, values=values)


@pytest.mark.parametrize("name", ["clipnorm", "clipvalue", "global_clipnorm"])
def test_gradient_clipping_is_refused_with_two_replicas(make_loop: Any, name: str) -> None:
    values = with_values({"train.optimizer": {"name": "sgd", name: 0.1}})
    make_loop(1, values=values)
    with pytest.raises(ParamsError, match=rf"^train\.optimizer\.{name}: got a number with several"):
        make_loop(2, values=values)


@pytest.mark.parametrize(
    "arguments",
    [{"gradient_accumulation_steps": 2}, {"use_ema": True, "ema_overwrite_frequency": 2}],
)
def test_options_unsupported_under_a_strategy_are_refused(
    make_loop: Any, arguments: dict[str, Any]
) -> None:
    values = with_values({"train.optimizer": {"name": "sgd", **arguments}})
    name = list(arguments)[-1]
    with pytest.raises(ParamsError, match=rf"^train\.optimizer\.{name}: got a number, expected no"):
        make_loop(1, values=values)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("train.jit_compile", True, "got true with several replicas, expected auto or false: "),
        ("train.precision", "mixed_float16", "got mixed_float16 with several replicas, expected "),
    ],
)
def test_options_for_one_replica_are_reported_before_tensorflow_is_imported(
    ready: Path, key: str, value: Any, line: str
) -> None:
    assert devices.replicas(change_params(ready, {key: value})) == 1
    change_params(ready, {"train.replicas": 2})
    ended = stage(ready, "train", LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow")
    assert ended.returncode == 2
    assert ended.stdout.startswith(f"train: {key}: {line}")
    assert ended.stdout.count("\n") == 1
