"""The callback that writes the loss of every Nth step, for curves finer than epochs."""

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lockstep.training.step_losses import LOSS


class WriteSteps(keras.callbacks.Callback):
    """Writes a CSV row and a TensorBoard point for every Nth step: epoch and step from 1, loss.

    `step` counts the steps of the whole training. A loss is that of the step's batch alone; a model
    with its own train_step has a column for each loss in its logs. Without `every`, the file has
    only a header. An interrupted training that is resumed sets `append`.
    """

    def __init__(self, path: Path, every: int | None, logs: Path) -> None:
        super().__init__()
        self.path, self.every, self.logs = path, every, logs
        self.append = False
        self._rows: list[list[Any]] = []

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the files; the CSV only if this isn't the rest of a training."""
        self._writer = tf.summary.create_file_writer(str(self.logs / "steps"))
        if not self.append:
            self._write("w", [["epoch", "step", LOSS]])

    def add(self, epoch: int, start: int, losses: dict[str, np.ndarray]) -> None:
        """Take the losses of some steps; `start` is the first one's number in the epoch, from 0."""
        if not self.every or not losses:
            return
        first = epoch * self.params["steps"] + start + 1
        if first == 1 and list(losses) != [LOSS]:
            self._write("w", [["epoch", "step", *losses]])
        chosen = range(-first % self.every, len(next(iter(losses.values()))), self.every)
        with self._writer.as_default():
            for at in chosen:
                values = [float(each[at]) for each in losses.values()]
                self._rows.append([epoch + 1, first + at, *values])
                for name, value in zip(losses, values, strict=True):
                    tf.summary.scalar(f"step_{name}", value, first + at)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Append the epoch's rows to the file."""
        self._write("a", self._rows)
        self._rows = []
        self._writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        """Append the rows of an epoch that wasn't ended, and close TensorBoard's file."""
        self.on_epoch_end(-1)
        self._writer.close()

    def _write(self, mode: str, rows: list[list[Any]]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open(mode, encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
