"""The training loop: each graph call runs many steps, with Keras's callbacks between calls.

The order of examples is a pure function of (seed, epoch), so there is no iterator state to save.
"""

import math
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from lockstep.data import random_streams
from lockstep.data.spec import Examples
from lockstep.errors import DivergedError, ParamsError
from lockstep.process import console
from lockstep.runtime import random_numbers
from lockstep.runtime.cluster import SINGLE_WORKER
from lockstep.runtime.collectives import WorkerCollectives
from lockstep.training import untracked_state
from lockstep.training.callback_list import BroadcastCallbackList
from lockstep.training.operation_places import layer_names
from lockstep.training.order import batches_of_epoch, order_of_epoch, steps_per_epoch
from lockstep.training.resume import Resume
from lockstep.training.sources import DeviceSource, DiskSource, StepChunk
from lockstep.training.step_losses import LOSS
from lockstep.training.steps import Steps

Logs = dict[str, float]
# Gets the epoch and step, from 0, of the first step of a graph call, and the losses of its steps.
OnLosses = Callable[[int, int, dict[str, np.ndarray]], None]


class Loop:
    """Trains, evaluates and predicts with one compiled model.

    `batch_size` is global: the replicas share it evenly. `last_batch` says whether an epoch's rest,
    which is smaller than a batch, is trained too: keep or drop. `order` is shuffle, sequential or
    replacement. `source` is where the examples are read from. With several workers the callbacks
    run on the chief; `sync_weights` says that they may change weights, which are then broadcast.
    `check_graph` gets the traced graph before training, and `check_logs` the names in the logs;
    both may raise. `on_losses` gets each step's loss.
    """

    def __init__(
        self,
        steps: Steps,
        batch_size: int,
        seed: int,
        *,
        order: str = "shuffle",
        last_batch: str = "drop",
        steps_per_execution: int = 100,
        source: type[DeviceSource] | type[DiskSource] = DeviceSource,
        collectives: WorkerCollectives | None = None,
        sync_weights: bool = False,
        check_graph: Callable[[tf.Graph], None] | None = None,
        check_logs: Callable[[list[str]], None] | None = None,
        on_losses: OnLosses | None = None,
    ) -> None:
        self.steps = steps
        self.model = steps.model
        self.batch_size = batch_size
        self.seed = seed
        self.order, self.last_batch = order, last_batch
        self.steps_per_execution = steps_per_execution
        self.source = source
        self.collectives = collectives or WorkerCollectives(steps.strategy, SINGLE_WORKER)
        self.sync_weights = sync_weights
        self.check_graph, self.check_logs = check_graph, check_logs
        self.on_losses = on_losses

    def fit(
        self,
        train: Examples,
        validation: Examples | None,
        callbacks: list[keras.callbacks.Callback],
        *,
        epochs: int | None = None,
        steps: int | None = None,
        resume: Resume | None = None,
        first: int = 0,
        planned: int | None = None,
        final: bool = True,
    ) -> int:
        """Train for a number of epochs or of total steps; return the number of finished epochs.

        Callbacks see epochs as in Keras's `fit`, and a graph call of many steps as one batch.
        `first` epochs were trained before, in other phases, and count for the number; callbacks see
        `planned` as the epochs of all phases, and `final` says that no phase follows. Raises
        DivergedError after a graph call in which the loss isn't finite.
        """
        per_epoch = self._steps_per_epoch(train.size)
        total = steps or (first + (epochs or 0)) * per_epoch
        last_whole = total // per_epoch
        self.steps.build(train)
        self.steps.build_own_optimizers(train)
        strategy = self.steps.strategy
        fixed = self.batches_of(train.size, 0) if self.order == "sequential" else []
        data = self.source(strategy, train, fixed)
        val_data = self._test_source(validation) if validation else None
        self._check(data, self.batches_of(train.size, 0)[0])
        hooks = self._hooks(callbacks, planned or math.ceil(total / per_epoch), per_epoch)
        self.model.stop_training = False
        self.model.train_function = self.steps.train  # for TensorBoard's graph
        if resume:
            resume.before_training()
        hooks.on_train_begin()
        done, logs = resume.begin() if resume else (first, {})
        while done < math.ceil(total / per_epoch) and not self.model.stop_training:
            epoch, done = done, done + 1
            self._seed_callbacks(epoch)
            hooks.on_epoch_begin(epoch)
            batches = _first(total - epoch * per_epoch, self.batches_of(train.size, epoch))
            logs = self._train_epoch(data, batches, epoch, hooks)
            if val_data:
                found = self._evaluate(val_data, hooks)
                logs |= {f"val_{name}": value for name, value in found.items()}
            hooks.on_epoch_end(epoch, logs)
            if resume:
                last = final and (done == last_whole or self.model.stop_training)
                resume.epoch_ended(done, logs, last=last)
        # If the optimizer uses EMA, this overwrites the weights with their moving average.
        self.model.optimizer.finalize_variable_values(self.model.trainable_weights)
        hooks.on_train_end(logs)
        return done

    def _seed_callbacks(self, epoch: int) -> None:
        """Give callbacks the same random numbers in an epoch, also after a resume."""
        random = random_streams.generator(self.seed, random_streams.CALLBACKS, epoch)
        random_numbers.seed(int(random.integers(2**32)))

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
        """Return the indices of the examples in an epoch's whole batches, (steps, batch_size)."""
        return order_of_epoch(self.order, count, self.batch_size, self.seed, epoch)

    def batches_of(self, count: int, epoch: int) -> list[np.ndarray]:
        """Return the orders of an epoch: that of its whole batches, and of its rest if kept."""
        batches = batches_of_epoch(self.order, count, self.batch_size, self.seed, epoch)
        return [each for each in batches if self.last_batch == "keep" or each is batches[0]]

    def _steps_per_epoch(self, count: int) -> int:
        rest = 0 if self.order == "replacement" else count % self.batch_size
        if self.last_batch == "keep":
            self._check_shares(rest)
        elif count < self.batch_size:
            raise ParamsError(
                f"train.batch_size: got {self.batch_size}, expected at most the {count} "
                "examples of the training split, or train.last_batch keep"
            )
        elif rest:
            console.say(
                f"train.last_batch drop: each epoch leaves out {rest} of the {count:,} examples, "
                f"which don't fill a batch of {self.batch_size}"
            )
        return steps_per_epoch(self.order, count, self.batch_size, self.last_batch)

    def _check_shares(self, rest: int) -> None:
        """Refuse shares of a last batch that a model's own train_step couldn't weight."""
        replicas = self.steps.strategy.num_replicas_in_sync
        if rest % replicas and self.steps.own_train_step:
            raise ParamsError(
                f"train.last_batch: got keep, but the last {rest} examples of an epoch can't be "
                f"shared evenly by {replicas} replicas, and the model's own train_step averages "
                "them; expected drop, or another train.batch_size"
            )

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
        batches: list[np.ndarray],
        epoch: int,
        hooks: keras.callbacks.CallbackList,
    ) -> Logs:
        self.model.reset_metrics()
        logs: Logs = {}
        for start, chunk in self._chunks(data, batches):
            hooks.on_train_batch_begin(start)
            found, losses = self.steps.train(*chunk[1:])
            logs = _as_floats(found)
            count = int(chunk.count)
            self._use_losses(losses.numpy()[:count], logs, epoch, start, hooks)
            hooks.on_train_batch_end(start + count - 1, logs)
            if self.model.stop_training:
                break
        return logs

    def _chunks(
        self, data: DeviceSource | DiskSource, batches: list[np.ndarray]
    ) -> Iterator[tuple[int, StepChunk]]:
        """Yield the number of each chunk's first step in the epoch, and the chunk."""
        before = 0
        for order in batches:
            for chunk in data.chunks(order, self._size(order)):
                yield before + chunk.start, chunk
            before += len(order)

    def _use_losses(
        self,
        mine: np.ndarray,
        logs: Logs,
        epoch: int,
        start: int,
        hooks: keras.callbacks.CallbackList,
    ) -> None:
        """Pass on the losses of a graph call, (steps, losses), to which each worker adds its share.

        Raises DivergedError for the first step with one that isn't finite.
        """
        losses = self.collectives.all_gather(mine[None]).sum(axis=0)
        bad = np.flatnonzero(~np.isfinite(losses).all(axis=1))
        if len(bad):
            hooks.on_train_end(logs)  # callbacks close their files
            value = logs.get(LOSS, float(losses[bad[0]].sum()))
            raise DivergedError(
                f"the loss became {value} in epoch {epoch + 1} at step "
                f"{start + bad[0] + 1}; a lower train.learning_rate may help"
            )
        if self.on_losses:
            self.on_losses(epoch, start, dict(zip(self.steps.losses.names, losses.T, strict=True)))

    def _evaluate(
        self, data: DeviceSource | DiskSource, hooks: keras.callbacks.CallbackList
    ) -> Logs:
        self.model.reset_metrics()
        hooks.on_test_begin()
        logs: Logs = {}
        for order in self._test_orders(data.count):
            for chunk in data.chunks(order, self._size(order)):
                hooks.on_test_batch_begin(chunk.start)
                logs = _as_floats(self.steps.test(*chunk[1:]))
                hooks.on_test_batch_end(chunk.start + int(chunk.count) - 1, logs)
        hooks.on_test_end(logs)
        return logs

    def _check(self, data: DeviceSource | DiskSource, order: np.ndarray) -> None:
        """Check the graph that trains; tracing it now saves that of the first graph call."""
        chunk = next(data.chunks(order, self._size(order)))
        with untracked_state.no_random_numbers_of_python():
            traced = self.steps.train.get_concrete_function(*chunk[1:])
        names = layer_names(self.model, self.steps.augment)
        untracked_state.check(traced.graph, self.steps.known, names)
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


def _first(steps: int, batches: list[np.ndarray]) -> list[np.ndarray]:
    """Return the first steps of some orders."""
    found = []
    for order in batches:
        found.append(order[:steps])
        steps = max(0, steps - len(order))
    return [order for order in found if len(order)]


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
