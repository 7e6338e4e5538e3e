"""Callbacks that write results during training: the history and the best weights."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import keras

from lockstep.errors import ParamsError
from lockstep.evaluation.directions import improvement
from lockstep.messages import choice
from lockstep.modeling.weights import save_weights
from lockstep.storage import atomic_files

Logs = dict[str, Any]


class WriteHistory(keras.callbacks.Callback):
    """Writes a CSV row for each epoch: epoch (from 1), loss, metrics, val_..., learning_rate.

    It has no times, so that two runs can write the same bytes.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: list[Logs] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the epoch's row, and rewrite the file."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.rows.append({"epoch": epoch + 1, **(logs or {}), "learning_rate": rate})
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic_files.write_text(self.path, text.getvalue())


class KeepBest(keras.callbacks.Callback):
    """Saves the weights with the best value of a metric; of equal values the first one's.

    With a validation metric it saves right after validation, while the model still has the weights
    that were measured. `monitor` auto is the validation loss, or the training loss if there is no
    validation; if the logs have no loss, each epoch is saved. `direction` is min or max.
    """

    def __init__(self, path: Path, monitor: str = "auto", direction: str = "min") -> None:
        super().__init__()
        self.path, self.monitor, self.direction = path, monitor, direction
        self.best = math.inf if direction == "min" else -math.inf

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Save the weights if the monitored validation metric improved."""
        found = logs or {}
        if self.monitor == "auto":
            self._save_if_better(float(found.get("loss", -math.inf)), "loss" not in found)
        elif self.monitor.startswith("val_"):
            self._save_if_better(self._value({f"val_{name}": each for name, each in found.items()}))

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save the weights if the monitored training metric improved."""
        found = logs or {}
        if self.monitor == "auto" and not any(name.startswith("val_") for name in found):
            self._save_if_better(float(found.get("loss", -math.inf)), "loss" not in found)
        elif self.monitor != "auto" and not self.monitor.startswith("val_"):
            self._save_if_better(self._value(found))

    def _value(self, logs: Logs) -> float:
        if self.monitor not in logs:
            known = choice(self.monitor, logs)
            raise ParamsError(f"train.monitor: got {self.monitor!r}, expected auto or {known}")
        return float(logs[self.monitor])

    def _save_if_better(self, value: float, always: bool = False) -> None:
        if always or improvement(value, self.best, self.direction) > 0:
            self.best = value
            save_weights(self.model, self.path)
