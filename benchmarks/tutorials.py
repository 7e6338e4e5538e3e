"""The tutorials' training loops, on the same initial weights and batches as Lockstep's."""

import time
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples

Batches = Iterable[list[np.ndarray]]  # for each epoch: the indices of each batch's examples
Loop = Callable[[keras.Model, Examples, Batches, list[np.ndarray]], float]


def fit(model: keras.Model, train: Examples, batches: Batches, warm_up: list[np.ndarray]) -> float:
    """Train with Keras's `fit`; return its seconds, without the time to arrange each epoch."""
    batch_size = len(warm_up[0])
    variables = _variables(model)
    kept = values(variables)
    model.fit(*_arranged(train, warm_up), batch_size, shuffle=False, verbose=0)
    restore(variables, kept)
    seconds = 0.0
    for order in batches:
        x, y = _arranged(train, order)
        start = time.perf_counter()
        model.fit(x, y, batch_size, shuffle=False, verbose=0)
        seconds += time.perf_counter() - start
    return seconds


def tape(model: keras.Model, train: Examples, batches: Batches, warm_up: list[np.ndarray]) -> float:
    """Train with an eager GradientTape, and return the seconds it took."""
    variables = _variables(model)
    kept = values(variables)
    _train_eagerly(model, train, warm_up)
    restore(variables, kept)
    start = time.perf_counter()
    for order in batches:
        _train_eagerly(model, train, order)
    return time.perf_counter() - start


def _train_eagerly(model: keras.Model, train: Examples, order: list[np.ndarray]) -> None:
    for x, y in _batches(train, order):
        with tf.GradientTape() as recorded:
            loss = tf.reduce_mean(model.loss(y, model(x, training=True)))
        variables = model.trainable_variables
        gradients = recorded.gradient(loss, variables)
        model.optimizer.apply_gradients(zip(gradients, variables, strict=True))


def _batches(train: Examples, order: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for indices in order:
        yield train.x[indices], train.y[indices]


def _arranged(train: Examples, order: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    indices = np.concatenate(order)
    return train.x[indices], train.y[indices]


def values(variables: Iterable[keras.Variable]) -> list[np.ndarray]:
    """Return the variables' values."""
    return [each.numpy() for each in variables]


def restore(variables: Iterable[keras.Variable], kept: list[np.ndarray]) -> None:
    """Assign values to variables."""
    for variable, value in zip(variables, kept, strict=True):
        variable.assign(value)


def _variables(model: keras.Model) -> list[keras.Variable]:
    model.optimizer.build(model.trainable_variables)
    return [*model.variables, *model.optimizer.variables]
