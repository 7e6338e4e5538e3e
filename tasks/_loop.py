"""The training loop: whole chunks of steps in one graph call, over data that lies on the devices.

Keras's own `train_step`, metrics, optimizers and callbacks, under a tf.distribute strategy. The
order of examples is a pure function of (seed, epoch), so no iterator has a state to lose.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from errors import DivergedError, ParamsError
from params import Params
from tasks import _model, _preprocessing, _random
from tasks._spec import Examples, Spec

# Steps in one graph call: few enough that progress, signals and batch hooks stay alive.
STEPS_PER_CALL = 100

Logs = dict[str, float]


def make(params: Params, spec: Spec, strategy: tf.distribute.Strategy, weights: Path) -> "Loop":
    """Return the loop over the parameters' model, with the weights of a file."""
    with strategy.scope():
        model = _model.make_trained(params, spec, weights)
        preprocess = _preprocessing.layers(spec)
    return Loop(model, strategy, preprocess, params.train.batch_size, params.seed)


class Loop:
    """Trains, evaluates and predicts with one compiled model on the replicas of one strategy.

    `preprocess` turns stored examples into the model's input, on the device, batch by batch.
    `batch_size` is global: the replicas share it evenly.
    """

    def __init__(
        self,
        model: keras.Model,
        strategy: tf.distribute.Strategy,
        preprocess: keras.Model,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model = model
        self.strategy = strategy
        self.preprocess = preprocess
        self.batch_size = batch_size
        self.seed = seed
        self._train_chunk = tf.function(self._train_steps)
        self._test_chunk = tf.function(self._test_steps)
        self._test_rest = tf.function(self._test_once)
        self._predict_batch = tf.function(self._predict_once, reduce_retracing=True)

    def fit(
        self,
        train: Examples,
        validation: Examples | None,
        callbacks: list[keras.callbacks.Callback],
        *,
        epochs: int | None = None,
        steps: int | None = None,
    ) -> None:
        """Train for a number of epochs, or of steps in all; a last partial batch is left out.

        Callbacks see epochs as with Keras's `fit`, and chunks of steps as their batches.
        Raises DivergedError when the loss stops being finite.
        """
        per_epoch = self._steps_per_epoch(len(train.x))
        total = steps or (epochs or 0) * per_epoch
        data, checks = self._resident(train), validation and self._resident(validation)
        self._build(train)
        hooks = keras.callbacks.CallbackList(
            callbacks, model=self.model, epochs=math.ceil(total / per_epoch), steps=per_epoch
        )
        self.model.stop_training = False
        hooks.on_train_begin()
        logs: Logs = {}
        for epoch, start in enumerate(range(0, total, per_epoch)):
            hooks.on_epoch_begin(epoch)
            count = min(per_epoch, total - start)
            logs = self._train_epoch(data, self.order(len(train.x), epoch)[:count], epoch, hooks)
            if validation and checks:
                found = self._evaluate(checks, len(validation.x))
                logs |= {f"val_{name}": value for name, value in found.items()}
            hooks.on_epoch_end(epoch, logs)
            if self.model.stop_training:
                break
        hooks.on_train_end(logs)

    def evaluate(self, examples: Examples) -> Logs:
        """Return the loss and metrics over every example, each counted exactly once."""
        self._build(examples)
        return self._evaluate(self._resident(examples), len(examples.x))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the model's outputs for all of x, from one device."""
        pieces = [
            self._predict_batch(x[start : start + self.batch_size]).numpy()
            for start in range(0, len(x), self.batch_size)
        ]
        return np.concatenate(pieces)

    def order(self, count: int, epoch: int) -> np.ndarray:
        """Return which example is where in an epoch, (steps, batch_size), from the seed alone."""
        shuffled = _random.generator(self.seed, _random.ORDER, epoch).permutation(count)
        steps = count // self.batch_size
        return shuffled[: steps * self.batch_size].reshape(steps, -1).astype(np.int32)

    def _steps_per_epoch(self, count: int) -> int:
        if count < self.batch_size:
            raise ParamsError(
                f"train.batch_size: got {self.batch_size}, expected at most the {count} "
                "examples of the training split"
            )
        return count // self.batch_size

    def _build(self, examples: Examples) -> None:
        """Make the variables of optimizer, loss and metrics before anything is traced.

        Made during tracing they are placeholders of a graph that is gone: "You must feed a value
        for placeholder tensor".
        """
        with self.strategy.scope():
            x = self.preprocess(examples.x[:1])
            self.model._symbolic_build(data_batch=(x, tf.constant(examples.y[:1])))

    def _resident(self, examples: Examples) -> Any:
        """Copy the arrays to each replica's device, as one value for each replica."""

        def on_device(context: tf.distribute.ReplicaContext) -> tuple[tf.Tensor, ...]:
            with tf.device(devices[context.replica_id_in_sync_group]):
                return tuple(tf.identity(array) for array in examples)

        devices = self.strategy.extended.worker_devices
        return self.strategy.experimental_distribute_values_from_function(on_device)

    def _train_epoch(
        self, data: Any, order: np.ndarray, epoch: int, hooks: keras.callbacks.CallbackList
    ) -> Logs:
        self.model.reset_metrics()
        logs: Logs = {}
        for start, chunk in _chunks(order):
            hooks.on_train_batch_begin(start)
            logs = _as_floats(self._train_chunk(chunk, data))
            done = start + len(chunk)
            if not math.isfinite(logs["loss"]):
                raise DivergedError(
                    f"the loss became {logs['loss']} in epoch {epoch + 1} between steps "
                    f"{start + 1} and {done}; a lower train.learning_rate may help"
                )
            hooks.on_train_batch_end(done - 1, logs)
        return logs

    def _evaluate(self, data: Any, count: int) -> Logs:
        self.model.reset_metrics()
        whole = count - count % self.batch_size
        every = np.arange(count, dtype=np.int32)
        for _, chunk in _chunks(every[:whole].reshape(-1, self.batch_size)):
            self._test_chunk(chunk, data)
        if whole < count:
            self._test_rest(every[whole:], data)
        return _as_floats(self.model.get_metrics_result())

    def _train_steps(self, order: tf.Tensor, data: Any) -> dict[str, tf.Tensor]:
        for step in tf.range(tf.shape(order)[0]):
            self.strategy.run(self._train_replica, args=(order[step], data))
        return self.model.get_metrics_result()

    def _test_steps(self, order: tf.Tensor, data: Any) -> None:
        for step in tf.range(tf.shape(order)[0]):
            self.strategy.run(self._test_replica, args=(order[step], data))

    def _test_once(self, indices: tf.Tensor, data: Any) -> None:
        self.strategy.run(self._test_replica, args=(indices, data))

    def _train_replica(self, indices: tf.Tensor, data: tuple[tf.Tensor, ...]) -> None:
        self.model.train_step(self._batch(self._share(indices), data))

    def _test_replica(self, indices: tf.Tensor, data: tuple[tf.Tensor, ...]) -> None:
        mine = self._share(indices)
        if mine.shape[0]:  # a metric of no examples at all is not a number
            self.model.test_step(self._batch(mine, data))

    def _share(self, indices: tf.Tensor) -> tf.Tensor:
        """This replica's part of a global batch: contiguous, and even but for a remainder."""
        replica = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
        replicas = self.strategy.num_replicas_in_sync
        first, last = (indices.shape[0] * (replica + each) // replicas for each in (0, 1))
        return indices[first:last]

    def _batch(self, indices: tf.Tensor, data: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
        x, y = (tf.gather(array, indices) for array in data)
        return self.preprocess(x), y

    def _predict_once(self, x: tf.Tensor) -> tf.Tensor:
        return self.model(self.preprocess(x), training=False)


def _chunks(order: np.ndarray) -> Iterator[tuple[int, tf.Tensor]]:
    """Cut rows of steps into graph calls: the first step's number, and the rows."""
    for start in range(0, len(order), STEPS_PER_CALL):
        yield start, tf.constant(order[start : start + STEPS_PER_CALL])


def _as_floats(logs: dict[str, tf.Tensor]) -> Logs:
    return {name: float(value) for name, value in logs.items()}
