"""A callback that pauses training in mid-epoch until a test lets it go on.

Parameters name this file as `train.custom_objects_file`, so it may import nothing of the project.
"""

import time
from pathlib import Path
from typing import Any

import keras

SECONDS = 1500  # ends a training that a failed test has left behind


class Pause(keras.callbacks.Callback):
    """Writes reached-EPOCH into a folder in the middle of each of the epochs, counted from 1.

    It then waits for the file go-EPOCH. It has no state, so that snapshots and
    results are those of a training that was never paused.
    """

    def __init__(self, folder: str, epochs: list[int]) -> None:
        super().__init__()
        self.folder, self.epochs = folder, epochs

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        epoch = int(self.model.optimizer.iterations.numpy()) // self.params["steps"] + 1
        if batch and epoch in self.epochs:  # part of the epoch is done
            self._pause(epoch)

    def _pause(self, epoch: int) -> None:
        Path(self.folder, f"reached-{epoch}").touch()
        go, deadline = Path(self.folder, f"go-{epoch}"), time.monotonic() + SECONDS
        while not go.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {go} within {SECONDS} s")
            time.sleep(0.01)  # a signal interrupts it
