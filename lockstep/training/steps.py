"""tf.functions that run many steps per call, on data that is already on the devices.

Each step runs the model's `train_step` or `test_step` on every replica of the strategy.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.backend.common.global_state import set_global_attribute
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR, global_seed_generator

from lockstep.data.spec import Examples, Y, as_dict
from lockstep.errors import ParamsError
from lockstep.messages import first_line
from lockstep.process import console
from lockstep.training import own_optimizers
from lockstep.training.rows import RowFormat, from_words
from lockstep.training.step_losses import StepLosses


class Steps:
    """Training, test and prediction steps of one model on the replicas of one strategy.

    `preprocess` turns a batch of stored examples into the model's inputs, on the device. `augment`
    and `class_weight`, one number for each class, are applied in training only; `resize` gives
    images that aren't augmented the sizes that `augment` gives the others. `scale_targets`
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
        resize: keras.Model | None = None,
        class_weight: np.ndarray | None = None,
        scale_targets: Callable[[Any], Any] | None = None,
        probabilities: Callable[[Any], Any] | None = None,
        jit_compile: bool = False,
    ) -> None:
        self.model = model
        self.strategy = strategy
        self.preprocess = preprocess
        self.augment, self.resize = augment, resize
        self.class_weight = class_weight
        self.scale_targets = scale_targets or _unchanged
        self.probabilities = probabilities or _unchanged
        self.packed: Callable[[Any], tuple[Any, ...]] = tuple  # groups arrays as (x, y, ...)
        self.own_train_step = type(model).train_step is not keras.Model.train_step
        self.losses = StepLosses(model, strategy.num_replicas_in_sync, own=self.own_train_step)
        self.train = tf.function(self._train_chunk, jit_compile=jit_compile)
        self.test = tf.function(self._test_chunk, jit_compile=jit_compile)
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
                if self.own_train_step:
                    raise
                raise ParamsError(
                    f"train.loss, train.metrics: they don't fit the model: {first_line(error)}"
                ) from None
            # Keras draws from it where a model gives no seed; made while tracing, it would fail.
            self._seeds = global_seed_generator()

    def build_own_optimizers(self, examples: Examples) -> None:
        """Create the variables of the optimizers in a model with its own train_step."""
        if not self.own_train_step:
            return
        with self.strategy.scope():
            first = self._inputs(tuple(tf.constant(array[:1]) for array in examples.arrays))
            uses_given = own_optimizers.build(self.model, self.strategy, first)
        if not uses_given:
            console.say(
                "the model's train_step uses its own optimizers: train.optimizer and "
                "train.learning_rate have no effect"
            )

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
        optimizers = [self.model.optimizer, *own_optimizers.of(self.model)]
        parts = [self.model, *(each for each in optimizers if each is not None)]
        found = [variable for part in parts for variable in part.variables]
        return [*found, self._seeds.state, *(self.augment.variables if self.augment else ())]

    @property
    def known(self) -> list[tf.Variable]:
        """This process's parts of all variables that training may change or reset."""
        keras_own = [*self.variables, *self.model.metrics_variables, *self.preprocess.variables]
        return [part for each in keras_own for part in self.parts(each)]

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

    def _train_chunk(
        self, count: tf.Tensor, order: Any, data: Any, formats: tuple[RowFormat, ...], batch: int
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
        """Train the steps of a StepChunk; return the logs, and each step's losses.

        The losses have the shape (steps, losses); those after `count` steps are zeros. On a GPU the
        loop's counter lies in host memory, where slices take it from.

        An own train_step may return logs that aren't metrics. Then the last step's logs are
        returned, as in Keras's `fit`; that step is traced again, outside of the loop.
        """
        own = self.own_train_step
        losses = self._no_losses(order)
        for number in tf.range(count - 1 if own else count):
            _, found = self._train_step(number, order, data, formats, batch)
            losses = losses.write(number, found)
        if own:
            logs, found = self._train_step(count - 1, order, data, formats, batch)
            losses = losses.write(count - 1, found)
            result = _flat(self.model.get_metrics_result())
            logs = result if result.keys() == logs.keys() else self._mean(logs)
        else:
            logs = self.model.get_metrics_result()
        return logs, losses.stack()

    def _no_losses(self, order: Any) -> tf.TensorArray:
        steps = self.strategy.experimental_local_results(order)[0].shape[0]
        return tf.TensorArray(tf.float32, steps, element_shape=self.losses.shape())

    def _train_step(
        self, number: tf.Tensor, order: Any, data: Any, formats: tuple[RowFormat, ...], batch: int
    ) -> tuple[dict[str, Any], tf.Tensor]:
        """Train one step on every replica; return its logs for each, and the whole losses."""
        arguments = (number, order, data, formats, batch)
        logs, losses = self.strategy.run(self._train_replica, args=arguments)
        return _flat(logs), tf.add_n(self.strategy.experimental_local_results(losses))

    def _train_replica(
        self,
        number: tf.Tensor,
        order: tf.Tensor,
        data: Any,
        formats: tuple[RowFormat, ...],
        batch: int,
    ) -> tuple[dict[str, Any], tf.Tensor]:
        set_global_attribute(GLOBAL_SEED_GENERATOR, self._seeds)  # of this replica's thread
        share = order.shape[1]
        self.losses.begin(share * self.strategy.num_replicas_in_sync / batch)
        indices = order[number] if share else tf.zeros([1], tf.int64)
        inputs = self._inputs(self._batch(indices, data, formats), training=True)
        logs = self.model.train_step(inputs) if share else self._step_without_share(inputs)
        return logs, self.losses.of(_flat(logs))

    def _step_without_share(self, inputs: Any) -> dict[str, Any]:
        """Take part in a step of the other replicas: any example's gradient, with the weight 0.

        The metrics don't get to know the example.
        """
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(inputs)
        model = self.model
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            loss = model.optimizer.scale_loss(model.compute_loss(x, y, outputs, sample_weight))
        variables = model.trainable_weights
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return model.get_metrics_result()

    def _test_chunk(
        self, count: tf.Tensor, order: Any, data: Any, formats: tuple[RowFormat, ...], batch: int
    ) -> dict[str, tf.Tensor]:
        """Test the batches of a StepChunk; return the logs."""
        del batch
        for number in tf.range(count):
            self.strategy.run(self._test_replica, args=(number, order, data, formats))
        return self.model.get_metrics_result()

    def _test_replica(
        self, number: tf.Tensor, order: tf.Tensor, data: Any, formats: tuple[RowFormat, ...]
    ) -> None:
        set_global_attribute(GLOBAL_SEED_GENERATOR, self._seeds)
        if order.shape[1]:  # without examples a metric would be NaN
            self.model.test_step(self._inputs(self._batch(order[number], data, formats)))

    def _batch(
        self, indices: tf.Tensor, data: tuple[tf.Tensor, ...], formats: tuple[RowFormat, ...]
    ) -> tuple[tf.Tensor, ...]:
        rows = (tf.gather(words, indices) for words in data)
        return tuple(from_words(each, row) for each, row in zip(rows, formats, strict=True))

    def _inputs(self, batch: tuple[tf.Tensor, ...], training: bool = False) -> Any:
        """Convert a stored batch to what `fit` gives a train_step: x, (x, y) or with weights."""
        x, y, *sample_weight = self.packed(batch)
        if self.augment and training:
            x = self.augment(self.preprocess(x), training=True)
        else:
            x = self._not_augmented(x)
        if self.class_weight is not None and training:
            by_class = tf.gather(tf.constant(self.class_weight), tf.cast(y, tf.int32))
            sample_weight = [by_class * sample_weight[0] if sample_weight else by_class]
        no_targets = isinstance(y, Mapping) and not y
        y = None if no_targets else self.scale_targets(y)
        return keras.utils.pack_x_y_sample_weight(x, y, *sample_weight)

    def _not_augmented(self, x: Any) -> Any:
        x = self.preprocess(x)
        return self.resize(x) if self.resize else x

    def _predict_batch(self, x: Any) -> Any:
        return self.probabilities(self.model(self._not_augmented(x), training=False))

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
