"""tf.functions that run many steps per call, on data that is already on the devices.

Each step runs the model's `train_step` or `test_step` on every replica of the strategy.
"""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples, Y, as_dict
from lockstep.errors import ParamsError
from lockstep.messages import first_line
from lockstep.training.rows import RowFormat, from_words

ALL_FINITE = -1  # returned if the loss of every step is finite


class Steps:
    """Training, test and prediction steps of one model on the replicas of one strategy.

    `preprocess` turns a batch of stored examples into the model's inputs, on the device. `augment`
    and `class_weight`, one number for each class, are applied in training only. `scale_targets`
    maps stored targets to those that the loss compares with the outputs, and `probabilities` the
    outputs to those that `predict` returns.
    """

    def __init__(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        preprocess: keras.Model,
        *,
        augment: keras.Model | None = None,
        class_weight: np.ndarray | None = None,
        scale_targets: Callable[[Any], Any] | None = None,
        probabilities: Callable[[Any], Any] | None = None,
        jit_compile: bool = False,
    ) -> None:
        self.model = model
        self.strategy = strategy
        self.preprocess = preprocess
        self.augment = augment
        self.class_weight = class_weight
        self.scale_targets = scale_targets or _unchanged
        self.probabilities = probabilities or _unchanged
        self.packed: Callable[[Any], tuple[Any, ...]] = tuple  # groups arrays as (x, y, ...)
        self._custom_train_step = type(model).train_step is not keras.Model.train_step
        custom = self._custom_train_step
        self.train = self._chunk(self._train_replica, jit_compile, logs_of_last=custom)
        self.test = self._chunk(self._test_replica, jit_compile, logs_of_last=False)
        self._predict = tf.function(self._predict_batch, reduce_retracing=True)

    def build(self, examples: Examples) -> None:
        """Create the variables of the optimizer, loss and metrics before any tf.function is traced.

        Created during tracing, they fail in other graphs: "You must feed a value for placeholder
        tensor". Raises ParamsError for a loss or metric that doesn't fit the model's outputs.
        """
        self.packed = examples.packed
        with self.strategy.scope():
            first = self._inputs(tuple(tf.constant(array[:1]) for array in examples.arrays))
            try:
                self.model._symbolic_build(data_batch=first)
            except (ValueError, TypeError) as error:
                if self._custom_train_step:
                    raise
                raise ParamsError(
                    f"train.loss, train.metrics: they don't fit the model: {first_line(error)}"
                ) from None

    @property
    def bytes(self) -> int:
        """Bytes that training keeps on each device besides data and activations, once built."""
        gradients = self.model.trainable_weights
        return sum(
            math.prod(each.shape) * tf.as_dtype(each.dtype).size
            for each in (*self.variables, *gradients)
        )

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables that training changes, including seeds and the optimizer's."""
        parts = [self.model, self.model.optimizer, self.augment]
        return [variable for part in parts if part is not None for variable in part.variables]

    def parts(self, variable: keras.Variable) -> tuple[tf.Variable, ...]:
        """Return a variable's component on each of this process's replicas."""
        return self.strategy.experimental_local_results(variable.value)

    def predict(self, batch: Examples) -> dict[str, np.ndarray]:
        """Return the model's outputs for one batch by name, computed on one device."""
        inputs = tf.nest.map_structure(tf.constant, batch.x)
        outputs = self._predict(inputs)
        if isinstance(outputs, tuple | list):  # of a model without targets
            outputs = {str(number): each for number, each in enumerate(outputs)}
        return {name: each.numpy() for name, each in as_dict(outputs, Y).items()}

    def _chunk(self, replica_step: Any, jit_compile: bool, *, logs_of_last: bool) -> Any:
        """Return a tf.function: a StepChunk's parts -> logs, first step whose loss isn't finite.

        On a GPU the loop's counter lies in host memory, where slices take it from; what decides on
        `good` lies on the device, so that no step waits for a copy to the host.

        A custom train_step may return logs that aren't metrics. With `logs_of_last` the last step's
        logs are returned, as in Keras's `fit`; that step is traced again, outside of the loop.
        """

        def chunk(
            count: tf.Tensor, order: Any, data: Any, formats: tuple[RowFormat, ...]
        ) -> tuple[Any, tf.Tensor]:
            finite = tf.constant(True)
            good = tf.constant(0, tf.int64)  # number of steps before the first that isn't finite
            for number in tf.range(count - 1 if logs_of_last else count):
                logs = _flat(self.strategy.run(replica_step, args=(number, order, data, formats)))
                finite &= self._finite(logs)
                good += tf.cast(finite, tf.int64)
            if logs_of_last:
                last = (count - 1, order, data, formats)
                logs = _flat(self.strategy.run(replica_step, args=last))
                good += tf.cast(finite & self._finite(logs), tf.int64)
                found = self.model.get_metrics_result()
                logs = found if found.keys() == logs.keys() else self._mean(logs)
            else:
                logs = self.model.get_metrics_result()
            return logs, tf.where(good < tf.cast(count, tf.int64), good, ALL_FINITE)

        return tf.function(chunk, jit_compile=jit_compile)

    def _train_replica(
        self, number: tf.Tensor, order: tf.Tensor, data: Any, formats: tuple[RowFormat, ...]
    ) -> Any:
        batch = self._batch(order[number], data, formats)
        return self.model.train_step(self._inputs(batch, training=True))

    def _test_replica(
        self, number: tf.Tensor, order: tf.Tensor, data: Any, formats: tuple[RowFormat, ...]
    ) -> dict[str, tf.Tensor]:
        if order.shape[1]:  # without examples a metric would be NaN
            self.model.test_step(self._inputs(self._batch(order[number], data, formats)))
        return {}

    def _batch(
        self, indices: tf.Tensor, data: tuple[tf.Tensor, ...], formats: tuple[RowFormat, ...]
    ) -> tuple[tf.Tensor, ...]:
        rows = (tf.gather(words, indices) for words in data)
        return tuple(from_words(each, row) for each, row in zip(rows, formats, strict=True))

    def _inputs(
        self, batch: tuple[tf.Tensor, ...], training: bool = False
    ) -> tuple[tf.Tensor, ...]:
        """Convert a stored batch to Keras's (x, y) or (x, y, sample_weight)."""
        x, y, *sample_weight = self.packed(batch)
        x = self.preprocess(x)
        if self.augment and training:
            x = self.augment(x, training=True)
        if self.class_weight is not None and training:
            by_class = tf.gather(tf.constant(self.class_weight), tf.cast(y, tf.int32))
            sample_weight = [by_class * sample_weight[0] if sample_weight else by_class]
        if isinstance(y, Mapping) and not y:  # no targets
            return (x, None, *sample_weight) if sample_weight else (x,)
        return (x, self.scale_targets(y), *sample_weight)

    def _predict_batch(self, x: Any) -> Any:
        return self.probabilities(self.model(self.preprocess(x), training=False))

    def _finite(self, logs: dict[str, Any]) -> tf.Tensor:
        """Return whether all losses of all replicas are finite."""
        losses = [
            value
            for name, each in logs.items()
            if "loss" in name
            for value in self.strategy.experimental_local_results(each)
        ]
        finite = (tf.reduce_all(tf.math.is_finite(loss)) for loss in losses)
        return functools.reduce(tf.logical_and, finite, tf.constant(True))

    def _mean(self, logs: dict[str, Any]) -> dict[str, tf.Tensor]:
        mean = tf.distribute.ReduceOp.MEAN
        return {name: self.strategy.reduce(mean, value, axis=None) for name, value in logs.items()}


def _unchanged(value: Any) -> Any:
    return value


def _flat(logs: dict[str, Any]) -> dict[str, Any]:
    """Flatten nested logs: Keras allows a metric's result to be a dict."""
    found: dict[str, Any] = {}
    for name, value in logs.items():
        found |= _flat(value) if isinstance(value, dict) else {name: value}
    return found
