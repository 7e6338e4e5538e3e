"""The training loop: epochs of graph calls, with Keras's callbacks between them.

The order of examples is a pure function of (seed, epoch), so no iterator has a state to lose.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples
from lockstep.errors import DivergedError, ParamsError
from lockstep.process import console
from lockstep.runtime.cluster import ALONE
from lockstep.runtime.collectives import Together
from lockstep.training.callback_list import ToldCallbacks
from lockstep.training.order import order_of_epoch
from lockstep.training.resume import Resume
from lockstep.training.sources import Resident, Stream
from lockstep.training.steps import NONE, Steps

Logs = dict[str, float]


class Loop:
    """Trains, evaluates and predicts with one compiled model.

    `batch_size` is global: the replicas share it evenly. `order` is shuffle, sequential or
    replacement. `source` says where the examples lie. Of several workers, together, the chief has
    the callbacks; `moves_weights` says that these change weights, which the others must be told.
    """

    def __init__(
        self,
        steps: Steps,
        batch_size: int,
        seed: int,
        *,
        order: str = "shuffle",
        steps_per_call: int = 100,
        source: type[Resident] | type[Stream] = Resident,
        together: Together | None = None,
        moves_weights: bool = False,
    ) -> None:
        self.steps = steps
        self.model = steps.model
        self.batch_size = batch_size
        self.seed = seed
        self.order = order
        self.steps_per_call = steps_per_call
        self.source = source
        self.together = together or Together(steps.strategy, ALONE)
        self.moves_weights = moves_weights

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
        """Train for a number of epochs, or of steps in all; a last partial batch is left out.

        Callbacks see epochs as with Keras's `fit`, and calls of many steps as their batches.
        Raises DivergedError when the loss stops being finite.
        """
        per_epoch = self._steps_per_epoch(train.size)
        total = steps or (epochs or 0) * per_epoch
        self.steps.build(train)
        strategy = self.steps.strategy
        data = self.source(strategy, train)
        checks = self.source(strategy, validation) if validation else None
        hooks = self._hooks(callbacks, math.ceil(total / per_epoch), per_epoch)
        self.model.stop_training = False
        self.model.train_function = self.steps.train  # TensorBoard draws its graph
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
            if checks:
                found = self._evaluate(checks, hooks)
                logs |= {f"val_{name}": value for name, value in found.items()}
            hooks.on_epoch_end(epoch, logs)
            if resume:
                resume.epoch_ended(epoch + 1, logs)
        # With a moving average of the weights, this puts it in their place.
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        hooks.on_train_end(logs)

    def evaluate(self, examples: Examples) -> Logs:
        """Return the loss and metrics over every example, each counted exactly once."""
        self.steps.build(examples)
        hooks = keras.callbacks.CallbackList(model=self.model)
        return self._evaluate(self.source(self.steps.strategy, examples), hooks)

    def predict(self, examples: Examples) -> dict[str, np.ndarray]:
        """Return the model's outputs for all examples by name, from one device."""
        size = self.batch_size
        starts = range(0, examples.size, size)
        parts = [
            self.steps.predict(examples.at(np.arange(at, min(at + size, examples.size))))
            for at in starts
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def order_of(self, count: int, epoch: int) -> np.ndarray:
        """Return which of `count` examples is where in an epoch, (steps, batch_size)."""
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
                f"{count:,} examples make no whole number of batches of {self.batch_size}: "
                f"each epoch leaves {rest} of them out"
            )
        return count // self.batch_size

    def _hooks(
        self, callbacks: list[keras.callbacks.Callback], epochs: int, per_epoch: int
    ) -> keras.callbacks.CallbackList:
        about = {"model": self.model, "epochs": epochs, "steps": per_epoch}
        if self.together.size == 1:
            return keras.callbacks.CallbackList(callbacks, **about)
        return ToldCallbacks(callbacks, self.together, self.moves_weights, **about)

    def _train_epoch(
        self,
        data: Resident | Stream,
        order: np.ndarray,
        epoch: int,
        hooks: keras.callbacks.CallbackList,
    ) -> Logs:
        self.model.reset_metrics()
        logs: Logs = {}
        for call in data.calls(order, self._size(order)):
            hooks.on_train_batch_begin(call.start)
            found, bad = self.steps.train(call.count, call.order, call.data)
            logs = _as_floats(found)
            self._demand_finite(int(bad), logs, epoch, call.start, hooks)
            hooks.on_train_batch_end(call.start + int(call.count) - 1, logs)
            if self.model.stop_training:
                break
        return logs

    def _demand_finite(
        self, bad: int, logs: Logs, epoch: int, start: int, hooks: keras.callbacks.CallbackList
    ) -> None:
        """Each worker has seen its own replicas' losses: the first bad one of all counts."""
        bads = [each for each in self.together.collect(np.array([bad])).tolist() if each != NONE]
        if bads:
            hooks.on_train_end(logs)  # what callbacks wrote is closed
            raise DivergedError(
                f"the loss became {logs.get('loss')} in epoch {epoch + 1} at step "
                f"{start + min(bads) + 1}; a lower train.learning_rate may help"
            )

    def _evaluate(self, data: Resident | Stream, hooks: keras.callbacks.CallbackList) -> Logs:
        self.model.reset_metrics()
        hooks.on_test_begin()
        whole = data.count - data.count % self.batch_size
        every = np.arange(data.count, dtype=np.int32)
        logs: Logs = {}
        for rows in (every[:whole].reshape(-1, self.batch_size), every[whole:].reshape(1, -1)):
            for call in data.calls(rows if rows.size else rows[:0], self._size(rows)):
                hooks.on_test_batch_begin(call.start)
                found, _ = self.steps.test(call.count, call.order, call.data)
                logs = _as_floats(found)
                hooks.on_test_batch_end(call.start + int(call.count) - 1, logs)
        hooks.on_test_end(logs)
        return logs

    def _size(self, order: np.ndarray) -> int:
        return max(1, min(self.steps_per_call, len(order)))


def _as_floats(logs: dict[str, tf.Tensor]) -> Logs:
    """Plain numbers; a metric of each class becomes one for each, such as f1_score_0."""
    found: Logs = {}
    for name, value in logs.items():
        array = np.asarray(value)
        several = {f"{name}_{index}": float(each) for index, each in enumerate(array.flat)}
        found |= several if array.ndim else {name: float(array)}
    return found
