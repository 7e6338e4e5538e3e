"""Graph calls of many steps at once, over data that lies on the devices.

Keras's own `train_step` and `test_step`, on each replica of a tf.distribute strategy.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples, Y, by_name
from lockstep.errors import ParamsError
from lockstep.messages import first_line

NONE = -1  # no step of a call has a loss that isn't finite


class Steps:
    """One model's steps on the replicas of one strategy.

    `preprocess` turns stored examples into the model's input, on the device, batch by batch;
    `augment` varies them in training, and `class_weights`, one number for each label, weighs them.
    `one_hot` has the number of classes of each target whose labels the loss takes one-hot.
    """

    def __init__(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        preprocess: keras.Model,
        *,
        augment: keras.Model | None = None,
        class_weights: np.ndarray | None = None,
        one_hot: Mapping[str, int] | None = None,
        jit_compile: bool = False,
    ) -> None:
        self.model = model
        self.strategy = strategy
        self.preprocess = preprocess
        self.augment = augment
        self.class_weights = class_weights
        self.one_hot = one_hot or {}
        self.packed: Callable[[Any], tuple[Any, ...]] = tuple  # arrays in the form of examples
        self._own_train_step = type(model).train_step is not keras.Model.train_step
        own_logs = self._own_train_step
        self.train = self._chunk(self._train_replica, jit_compile, logs_of_last=own_logs)
        self.test = self._chunk(self._test_replica, jit_compile, logs_of_last=False)
        self._predict = tf.function(self._predict_batch, reduce_retracing=True)

    def build(self, examples: Examples) -> None:
        """Make the variables of optimizer, loss and metrics before anything is traced.

        Made during tracing they are placeholders of a graph that is gone: "You must feed a value
        for placeholder tensor". Raises ParamsError for a loss or metric that can't take outputs.
        """
        self.packed = examples.packed
        with self.strategy.scope():
            first = self._inputs(tuple(tf.constant(array[:1]) for array in examples.arrays))
            try:
                self.model._symbolic_build(data_batch=first)
            except (ValueError, TypeError) as error:
                if self._own_train_step:
                    raise
                raise ParamsError(
                    "train.loss, train.metrics, train.labels: they don't fit the model's outputs: "
                    f"{first_line(error)}"
                ) from None

    @property
    def variables(self) -> list[keras.Variable]:
        """All that training changes: weights, statistics, seeds, and the optimizer's own."""
        more = self.augment.variables if self.augment else []
        return [*self.model.variables, *self.model.optimizer.variables, *more]

    def parts(self, variable: keras.Variable) -> tuple[tf.Variable, ...]:
        """Return the variable of each of this process's replicas."""
        return self.strategy.experimental_local_results(variable.value)

    def predict(self, batch: Examples) -> dict[str, np.ndarray]:
        """Return the model's outputs for one batch, by the targets' names, from one device."""
        inputs = tf.nest.map_structure(tf.constant, batch.x)
        outputs = by_name(self._predict(inputs), Y)
        return {name: each.numpy() for name, each in outputs.items()}

    def _chunk(self, replica_step: Any, jit_compile: bool, *, logs_of_last: bool) -> Any:
        """Return the graph call (count, order, data) -> logs, first step with a loss not finite.

        A model with a train_step of its own may log what no metric holds: then its last step's
        logs count, as in Keras's `fit`, and that step stands in the graph a second time.
        """

        def step(
            number: tf.Tensor, good: tf.Tensor, order: Any, data: Any
        ) -> tuple[Any, tf.Tensor]:
            logs = _flat(self.strategy.run(replica_step, args=(number, order, data)))
            return logs, good + tf.cast(self._finite(logs) & (good == number), tf.int32)

        def chunk(count: tf.Tensor, order: Any, data: Any) -> tuple[Any, tf.Tensor]:
            good = tf.constant(0)  # steps until the first whose loss isn't finite
            for number in tf.range(count - 1 if logs_of_last else count):
                _, good = step(number, good, order, data)
            if logs_of_last:
                logs, good = step(count - 1, good, order, data)
                found = self.model.get_metrics_result()
                logs = found if found.keys() == logs.keys() else self._mean(logs)
            else:
                logs = self.model.get_metrics_result()
            return logs, tf.where(good < count, good, NONE)

        return tf.function(chunk, jit_compile=jit_compile)

    def _train_replica(self, number: tf.Tensor, order: tf.Tensor, data: Any) -> Any:
        return self.model.train_step(self._inputs(self._batch(order[number], data), training=True))

    def _test_replica(self, number: tf.Tensor, order: tf.Tensor, data: Any) -> dict[str, tf.Tensor]:
        if order.shape[1]:  # a metric of no examples at all is not a number
            self.model.test_step(self._inputs(self._batch(order[number], data)))
        return {}

    def _batch(self, indices: tf.Tensor, data: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        return tuple(tf.gather(array, indices) for array in data)

    def _inputs(
        self, batch: tuple[tf.Tensor, ...], training: bool = False
    ) -> tuple[tf.Tensor, ...]:
        """A stored batch as Keras's (x, y) or (x, y, sample weights)."""
        x, y, *weights = self.packed(batch)
        x = self.preprocess(x)
        if self.augment and training:
            x = self.augment(x, training=True)
        if self.class_weights is not None and training:
            by_class = tf.gather(tf.constant(self.class_weights), tf.cast(y, tf.int32))
            weights = [by_class * weights[0] if weights else by_class]
        return (x, self._labels(y), *weights)

    def _labels(self, y: Any) -> Any:
        """Targets as the loss takes them."""
        if isinstance(y, Mapping):
            return {name: self._label(name, each) for name, each in y.items()}
        return self._label(Y, y)

    def _label(self, name: str, y: tf.Tensor) -> tf.Tensor:
        return tf.one_hot(tf.cast(y, tf.int32), self.one_hot[name]) if name in self.one_hot else y

    def _predict_batch(self, x: Any) -> Any:
        return self.model(self.preprocess(x), training=False)

    def _finite(self, logs: dict[str, Any]) -> tf.Tensor:
        """Say whether each loss of each replica is a finite number."""
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


def _flat(logs: dict[str, Any]) -> dict[str, Any]:
    """One dict of all: the result of compiled metrics is one within the logs, as Keras allows."""
    found: dict[str, Any] = {}
    for name, value in logs.items():
        found |= _flat(value) if isinstance(value, dict) else {name: value}
    return found
