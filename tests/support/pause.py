"""A callback that stops a training in mid-epoch until a test lets it go on.

Parameters name this file as `train.own`, so it may import nothing of the project.
"""

import time
from pathlib import Path
from typing import Any

import keras

SECONDS = 300  # after which a training that a failed test has left behind ends


class Pause(keras.callbacks.Callback):
    """Writes reached-EPOCH into a folder in the middle of each of the epochs, counted from 1.

    It then waits for the file go-EPOCH. Nothing of it changes as training goes, so that bundles
    and bits are those of a training that was never paused.
    """

    def __init__(self, folder: str, epochs: list[int]) -> None:
        super().__init__()
        self.folder, self.epochs = folder, epochs

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        epoch = int(self.model.optimizer.iterations.numpy()) // self.params["steps"] + 1
        if batch and epoch in self.epochs:  # a part of the epoch is done
            self._pause(epoch)

    def _pause(self, epoch: int) -> None:
        Path(self.folder, f"reached-{epoch}").touch()
        go, deadline = Path(self.folder, f"go-{epoch}"), time.monotonic() + SECONDS
        while not go.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {go} within {SECONDS} s")
            time.sleep(0.01)  # a signal interrupts it
