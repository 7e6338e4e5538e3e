"""The training loop: each graph call runs many steps, with Keras's callbacks between calls.

The order of examples is a pure function of (seed, epoch), so there is no iterator state to save.
"""

import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples
from lockstep.errors import DivergedError, ParamsError
from lockstep.process import console
from lockstep.runtime.cluster import SINGLE_WORKER
from lockstep.runtime.collectives import WorkerCollectives
from lockstep.training.callback_list import BroadcastCallbackList
from lockstep.training.order import order_of_epoch
from lockstep.training.resume import Resume
from lockstep.training.sources import DeviceSource, DiskSource
from lockstep.training.steps import ALL_FINITE, Steps

Logs = dict[str, float]


class Loop:
    """Trains, evaluates and predicts with one compiled model.

    `batch_size` is global: the replicas share it evenly. `order` is shuffle, sequential or
    replacement. `source` is where the examples are read from. With several workers the callbacks
    run on the chief; `sync_weights` says that they may change weights, which are then broadcast.
    `check_graph` gets the traced graph before training, and `check_logs` the names in the logs;
    both may raise.
    """

    def __init__(
        self,
        steps: Steps,
        batch_size: int,
        seed: int,
        *,
        order: str = "shuffle",
        steps_per_execution: int = 100,
        source: type[DeviceSource] | type[DiskSource] = DeviceSource,
        collectives: WorkerCollectives | None = None,
        sync_weights: bool = False,
        check_graph: Callable[[tf.Graph], None] | None = None,
        check_logs: Callable[[list[str]], None] | None = None,
    ) -> None:
        self.steps = steps
        self.model = steps.model
        self.batch_size = batch_size
        self.seed = seed
        self.order = order
        self.steps_per_execution = steps_per_execution
        self.source = source
        self.collectives = collectives or WorkerCollectives(steps.strategy, SINGLE_WORKER)
        self.sync_weights = sync_weights
        self.check_graph, self.check_logs = check_graph, check_logs

    def fit(
        self,
        train: Examples,
        validation: Examples | None,
        callbacks: list[keras.callbacks.Callback],
        *,
        epochs: int | None = None,
        steps: int | None = None,
        resume: Resume | None = None,
    ) -> None:
        """Train for a number of epochs or of total steps; a last partial batch is left out.

        Callbacks see epochs as in Keras's `fit`, and a graph call of many steps as one batch.
        Raises DivergedError after a graph call in which the loss isn't finite.
        """
        per_epoch = self._steps_per_epoch(train.size)
        total = steps or (epochs or 0) * per_epoch
        self.steps.build(train)
        strategy = self.steps.strategy
        fixed = [self.order_of(train.size, 0)] if self.order == "sequential" else []
        data = self.source(strategy, train, fixed)
        val_data = self._test_source(validation) if validation else None
        self._check(data, self.order_of(train.size, 0))
        hooks = self._hooks(callbacks, math.ceil(total / per_epoch), per_epoch)
        self.model.stop_training = False
        self.model.train_function = self.steps.train  # for TensorBoard's graph
        if resume:
            resume.before_training()
        hooks.on_train_begin()
        first, logs = resume.begin() if resume else (0, {})
        for epoch in range(first, math.ceil(total / per_epoch)):
            if self.model.stop_training:
                break
            hooks.on_epoch_begin(epoch)
            order = self.order_of(train.size, epoch)[: total - epoch * per_epoch]
            logs = self._train_epoch(data, order, epoch, hooks)
            if val_data:
                found = self._evaluate(val_data, hooks)
                logs |= {f"val_{name}": value for name, value in found.items()}
            hooks.on_epoch_end(epoch, logs)
            if resume:
                resume.epoch_ended(epoch + 1, logs)
        # If the optimizer uses EMA, this overwrites the weights with their moving average.
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        hooks.on_train_end(logs)

    def evaluate(self, examples: Examples) -> Logs:
        """Return the loss and metrics over all examples; each counts exactly once."""
        self.steps.build(examples)
        hooks = keras.callbacks.CallbackList(model=self.model)
        return self._evaluate(self._test_source(examples), hooks)

    def predict(self, examples: Examples) -> dict[str, np.ndarray]:
        """Return the model's outputs for all examples by target name, computed on one device."""
        parts = [outputs for _, outputs in self.predict_batches(examples)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def predict_batches(
        self, examples: Examples
    ) -> Iterator[tuple[Examples, dict[str, np.ndarray]]]:
        """Yield each batch with the model's outputs for it by target name."""
        size = self.batch_size
        for at in range(0, examples.size, size):
            batch = examples.at(np.arange(at, min(at + size, examples.size)))
            yield batch, self.steps.predict(batch)

    def order_of(self, count: int, epoch: int) -> np.ndarray:
        """Return the indices of an epoch's examples, of shape (steps, batch_size)."""
        return order_of_epoch(self.order, count, self.batch_size, self.seed, epoch)

    def _steps_per_epoch(self, count: int) -> int:
        if count < self.batch_size:
            raise ParamsError(
                f"train.batch_size: got {self.batch_size}, expected at most the {count} "
                "examples of the training split"
            )
        rest = count % self.batch_size
        if rest and self.order != "replacement":
            console.say(
                f"{count:,} examples don't divide evenly into batches of {self.batch_size}: "
                f"each epoch leaves out {rest} of them"
            )
        return count // self.batch_size

    def _hooks(
        self, callbacks: list[keras.callbacks.Callback], epochs: int, per_epoch: int
    ) -> keras.callbacks.CallbackList:
        options = {"model": self.model, "epochs": epochs, "steps": per_epoch}
        if self.collectives.size == 1:
            return keras.callbacks.CallbackList(callbacks, **options)
        return BroadcastCallbackList(callbacks, self.collectives, self.sync_weights, **options)

    def _train_epoch(
        self,
        data: DeviceSource | DiskSource,
        order: np.ndarray,
        epoch: int,
        hooks: keras.callbacks.CallbackList,
    ) -> Logs:
        self.model.reset_metrics()
        logs: Logs = {}
        for chunk in data.chunks(order, self._size(order)):
            hooks.on_train_batch_begin(chunk.start)
            found, bad = self.steps.train(*chunk[1:])
            logs = _as_floats(found)
            self._demand_finite(int(bad), logs, epoch, chunk.start, hooks)
            hooks.on_train_batch_end(chunk.start + int(chunk.count) - 1, logs)
            if self.model.stop_training:
                break
        return logs

    def _demand_finite(
        self, bad: int, logs: Logs, epoch: int, start: int, hooks: keras.callbacks.CallbackList
    ) -> None:
        """Raise DivergedError for the first bad step on any worker; each sees only its replicas."""
        by_worker = self.collectives.all_gather(np.array([bad])).tolist()
        bad_steps = [step for step in by_worker if step != ALL_FINITE]
        if bad_steps:
            hooks.on_train_end(logs)  # callbacks close their files
            raise DivergedError(
                f"the loss became {logs.get('loss')} in epoch {epoch + 1} at step "
                f"{start + min(bad_steps) + 1}; a lower train.learning_rate may help"
            )

    def _evaluate(
        self, data: DeviceSource | DiskSource, hooks: keras.callbacks.CallbackList
    ) -> Logs:
        self.model.reset_metrics()
        hooks.on_test_begin()
        logs: Logs = {}
        for order in self._test_orders(data.count):
            for chunk in data.chunks(order, self._size(order)):
                hooks.on_test_batch_begin(chunk.start)
                found, _ = self.steps.test(*chunk[1:])
                logs = _as_floats(found)
                hooks.on_test_batch_end(chunk.start + int(chunk.count) - 1, logs)
        hooks.on_test_end(logs)
        return logs

    def _check(self, data: DeviceSource | DiskSource, order: np.ndarray) -> None:
        """Check the graph that trains; tracing it now saves that of the first graph call."""
        if not (self.check_graph or self.check_logs):
            return
        chunk = next(data.chunks(order, self._size(order)))
        traced = self.steps.train.get_concrete_function(*chunk[1:])
        if self.check_graph:
            self.check_graph(traced.graph)
        if self.check_logs:
            self.check_logs(_names_in(traced.structured_outputs[0]))

    def _test_source(self, examples: Examples) -> DeviceSource | DiskSource:
        return self.source(self.steps.strategy, examples, self._test_orders(examples.size))

    def _test_orders(self, count: int) -> list[np.ndarray]:
        """The orders of evaluation: whole batches, and the rest of the examples as a last batch."""
        indices, whole = np.arange(count), count - count % self.batch_size
        orders = indices[:whole].reshape(-1, self.batch_size), indices[whole:].reshape(1, -1)
        return [order for order in orders if order.size]

    def _size(self, order: np.ndarray) -> int:
        return max(1, min(self.steps_per_execution, len(order)))


def _names_in(logs: dict[str, tf.TensorSpec]) -> list[str]:
    """Return the names that `_as_floats` gives the logs of a traced step."""
    found = []
    for name, each in logs.items():
        count = each.shape.num_elements() if each.shape.rank else None
        found += [f"{name}_{index}" for index in range(count)] if count else [name]
    return found


def _as_floats(logs: dict[str, tf.Tensor]) -> Logs:
    """Convert to floats; a metric with a value per class becomes f1_score_0, f1_score_1, ..."""
    found: Logs = {}
    for name, value in logs.items():
        array = np.asarray(value)
        several = {f"{name}_{index}": float(each) for index, each in enumerate(array.flat)}
        found |= several if array.ndim else {name: float(array)}
    return found
