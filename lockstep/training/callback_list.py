"""Keras callbacks with several workers: they run on the chief, which broadcasts their effects."""

from typing import Any

import keras
import numpy as np

from lockstep.runtime.collectives import WorkerCollectives


class BroadcastCallbackList(keras.callbacks.CallbackList):
    """Broadcasts what the chief's callbacks change to the other workers, which have no callbacks.

    These are `stop_training` and the learning rate, and with `sync_weights` the weights and the
    optimizer's variables.
    """

    def __init__(
        self,
        callbacks: list[keras.callbacks.Callback],
        collectives: WorkerCollectives,
        sync_weights: bool,
        **options: Any,
    ) -> None:
        super().__init__(callbacks, **options)
        self.collectives, self.sync_weights = collectives, sync_weights

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Call the callbacks, and broadcast what they changed."""
        super().on_epoch_begin(epoch, logs)
        self._broadcast_changes()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Call the callbacks, and broadcast what they changed."""
        super().on_epoch_end(epoch, logs)
        self._broadcast_changes()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Call the callbacks after a graph call of many steps, and broadcast what they changed."""
        super().on_train_batch_end(batch, logs)
        self._broadcast_changes()

    def on_test_begin(self, logs: Any = None) -> None:
        """Call the callbacks, and broadcast weights that they swapped in for validation."""
        super().on_test_begin(logs)
        self._broadcast_changes()

    def on_test_end(self, logs: Any = None) -> None:
        """Call the callbacks, and broadcast weights that they swapped back."""
        super().on_test_end(logs)
        self._broadcast_changes()

    def _broadcast_changes(self) -> None:
        model = self._model
        rate = getattr(model.optimizer, "_learning_rate", None)
        adjustable = [rate] if isinstance(rate, keras.Variable) else []
        values = [float(model.stop_training), *(float(each.numpy()) for each in adjustable)]
        stop, *rates = self.collectives.broadcast(np.array(values)).tolist()
        model.stop_training = bool(stop)
        if not self.collectives.chief:
            for variable, value in zip(adjustable, rates, strict=True):
                variable.assign(value)
        if self.sync_weights:
            for variable in [*model.trainable_variables, *model.optimizer.variables]:
                value = self.collectives.broadcast(np.asarray(variable.numpy()))
                if not self.collectives.chief:
                    variable.assign(value)
