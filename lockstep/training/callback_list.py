"""Keras's callbacks where several workers train: the chief has them, the others are told."""

from typing import Any

import keras
import numpy as np

from lockstep.runtime.collectives import Together


class ToldCallbacks(keras.callbacks.CallbackList):
    """Keras's callbacks on the chief; what they decide is told to the other workers, who have none.

    That is the end of training, the learning rate, and with `moves_weights` the weights.
    """

    def __init__(
        self,
        callbacks: list[keras.callbacks.Callback],
        together: Together,
        moves_weights: bool,
        **about: Any,
    ) -> None:
        super().__init__(callbacks, **about)
        self.together, self.moves_weights = together, moves_weights

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Tell what was decided at an epoch's beginning."""
        super().on_epoch_begin(epoch, logs)
        self._tell()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Tell what was decided at an epoch's end."""
        super().on_epoch_end(epoch, logs)
        self._tell()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Tell what was decided after a call of many steps."""
        super().on_train_batch_end(batch, logs)
        self._tell()

    def on_test_begin(self, logs: Any = None) -> None:
        """Tell of weights that are swapped for validation."""
        super().on_test_begin(logs)
        self._tell()

    def on_test_end(self, logs: Any = None) -> None:
        """Tell of weights that are swapped back."""
        super().on_test_end(logs)
        self._tell()

    def _tell(self) -> None:
        model = self._model
        rate = getattr(model.optimizer, "_learning_rate", None)
        adjustable = [rate] if isinstance(rate, keras.Variable) else []
        mine = [float(model.stop_training), *(float(each.numpy()) for each in adjustable)]
        stop, *told = self.together.agree(np.array(mine)).tolist()
        model.stop_training = bool(stop)
        if not self.together.chief:
            for variable, value in zip(adjustable, told, strict=True):
                variable.assign(value)
        if self.moves_weights:
            for variable in [*model.trainable_variables, *model.optimizer.variables]:
                value = self.together.agree(np.asarray(variable.numpy()))
                if not self.together.chief:
                    variable.assign(value)
