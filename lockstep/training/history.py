"""What training leaves behind, written as it goes: the history and the weights."""

import csv
import io
import math
from pathlib import Path
from typing import Any

import keras

from lockstep.modeling.weights import save_weights
from lockstep.storage import atomic_files

Logs = dict[str, Any]


class WriteHistory(keras.callbacks.Callback):
    """Writes a CSV row for each epoch: epoch (from 1), loss, metrics, val_..., learning_rate.

    Nothing in it differs between two runs by nature, so no times.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.rows: list[Logs] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the epoch's row, and write the file anew."""
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        self.rows.append({"epoch": epoch + 1, **(logs or {}), "learning_rate": rate})
        text = io.StringIO()
        writer = csv.DictWriter(text, list(self.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        atomic_files.write_text(self.path, text.getvalue())


class KeepBest(keras.callbacks.Callback):
    """Saves the weights with the lowest validation loss, the first of equals.

    Right after their validation, so that they are the ones that were measured. Without validation
    the training loss decides, and without any loss in the logs the last epoch.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.lowest = math.inf

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Save the weights if none before were better in validation."""
        self._consider(logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save the weights if there is no validation and none before were better."""
        if not any(name.startswith("val_") for name in logs or {}):
            self._consider(logs or {})

    def _consider(self, logs: Logs) -> None:
        loss = float(logs.get("loss", -math.inf))
        if loss < self.lowest or "loss" not in logs:
            self.lowest = loss
            save_weights(self.model, self.path)
