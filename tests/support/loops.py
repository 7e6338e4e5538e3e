"""Training loops over small models, and helpers to inspect them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.config.schema import Params
from lockstep.data.spec import Examples, Input, Spec, Target
from tests.support.workspaces import REPOSITORY

RANDOM = np.random.default_rng(0)
X = RANDOM.integers(0, 255, (70, 6), np.uint8)
Y = RANDOM.integers(0, 3, 70).astype(np.uint8)
WEIGHTS = RANDOM.integers(0, 4, 70).astype(np.float32)


def spec_of(
    shape: list[int],
    classes: Sequence[str] = (),
    *,
    dtype: str = "uint8",
    method: str = "unit",
    statistics: dict[str, Any] | None = None,
    splits: dict[str, int] | None = None,
) -> Spec:
    """The spec of images or table rows; without classes the targets are numbers."""
    kind = "table" if len(shape) == 1 else "image"
    task = "classification" if classes else "regression"
    inputs = {"x": Input(kind, shape, dtype, statistics or {})}
    return Spec("x", inputs, {"y": Target(task, list(classes))}, splits or {}, method)


SPEC = spec_of([6], "abc")
TRAIN, SOME = Examples(X, Y), Examples(X[:33], Y[:33])


@pytest.fixture
def make_loop(tensorflow: Any) -> Callable[..., Any]:
    """Return a function that makes a loop over a small model, on one or two replicas.

    `model` and `parts`, the arguments of compile, are made under the strategy; with `values` it is
    compiled as those parameters of the project `root` say.
    """
    import keras

    from lockstep.modeling.compile import compile_for_training
    from lockstep.runtime.strategy import start_runtime
    from lockstep.training.loop import Loop
    from lockstep.training.steps import Steps

    def make(
        replicas: int = 1,
        batch_size: int = 8,
        seed: int = 0,
        *,
        model: Callable[[], Any] = dense,
        parts: Callable[[], dict[str, Any]] = dict,
        values: Params | None = None,
        precision: str = "float32",
        spec: Spec = SPEC,
        preprocess: Callable[[], Any] | None = None,
        steps: dict[str, Any] | None = None,
        root: Path = REPOSITORY,
        **loop: Any,
    ) -> Any:
        strategy = start_runtime(seed, replicas, precision=precision)
        with strategy.scope():
            scale = keras.layers.Rescaling(1 / 255, dtype="float32")
            before = preprocess() if preprocess else keras.Sequential([keras.Input((6,)), scale])
            made = model()
            if values:
                compile_for_training(made, values, spec, replicas, root)
            else:
                defaults = {
                    "optimizer": keras.optimizers.Adam(0.01),
                    "loss": "sparse_categorical_crossentropy",
                    "metrics": ["accuracy"],
                }
                made.compile(**(defaults | parts()), jit_compile=False)
        return Loop(Steps(made, strategy, before, **steps or {}), batch_size, seed, **loop)

    return make


def placed(loop: Any, examples: Examples, steps: str = "train") -> Any:
    """What a GPU would do with the loop body of a traced graph, `train` or `test`."""
    from lockstep.runtime.gpu_kernels import placement

    loop.steps.build(examples)
    source = loop.source(loop.steps.strategy, examples)
    chunk = next(source.chunks(loop.order_of(examples.size, 0), 2))
    return placement(getattr(loop.steps, steps).get_concrete_function(*chunk[1:]).graph)


def dense(*between: Any, **arguments: Any) -> Any:
    """A small classifier; `arguments` are for its hidden layer, `between` is the layer after it."""
    import keras

    layers = [
        keras.Input((6,)),
        keras.layers.Dense(5, "relu", **arguments),
        *between,
        keras.layers.Dense(3, "softmax", dtype="float32"),
    ]
    return keras.Sequential(layers)


def linear() -> Any:
    import keras

    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, "softmax")])


def weights(loop: Any) -> list[np.ndarray]:
    return [np.array(weight) for weight in loop.model.get_weights()]


def assert_equal(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def assert_close(one: list[np.ndarray], other: list[np.ndarray], atol: float = 1e-5) -> None:
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=atol)


class Watch:
    """A callback that records the logs it gets."""

    def __new__(cls) -> Any:
        import keras

        class Watching(keras.callbacks.Callback):
            def __init__(self) -> None:
                super().__init__()
                self.batches: list[int] = []
                self.epochs: list[dict[str, float]] = []
                self.weights: list[list[np.ndarray]] = []

            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                self.batches.append(batch)

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                self.epochs.append(dict(logs))
                self.weights.append(self.model.get_weights())

        return Watching()
