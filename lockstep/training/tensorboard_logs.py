"""TensorBoard's logs: in a folder with the run's name, epochs from 1, and no step twice."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.core.util.event_pb2 import Event

from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout

DIGITS = 8  # of the experiment's key: other code or data may have the same name
LONGEST_NAME = 120  # in bytes


class TensorBoard(keras.callbacks.TensorBoard):
    """Keras's callback, with epochs that are counted from 1, as in history.csv and MLflow."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the epoch's metrics, histograms and embeddings."""
        super().on_epoch_end(epoch + 1, logs)


def folder_of(root: Path, name: str, key: str) -> Path:
    """Return the folder of an experiment's logs, whose name TensorBoard shows; `key` is its key.

    Another commit can give the same experiment another name; its logs stay where they are.
    """
    there = _folders(root, key)
    short = re.sub(r"[/\x00-\x1f]", "_", name).encode()[:LONGEST_NAME].decode(errors="ignore")
    return there[0] if there else main_checkout(root) / layout.LOGS / f"{short} {key[:DIGITS]}"


def remove(root: Path, key: str) -> None:
    """Remove the logs of an earlier training of the same experiment."""
    for folder in _folders(root, key):
        shutil.rmtree(folder, ignore_errors=True)


def keep_until(root: Path, key: str, moment: float) -> None:
    """Remove what was logged after a moment, in seconds since 1970: it will be logged again."""
    for folder in _folders(root, key):
        for file in sorted(folder.rglob("events.out.tfevents.*")):
            kept = [each for each in _records(file) if _time_of(each) <= moment]
            with (
                atomic_files.whole_file(file) as part,
                tf.io.TFRecordWriter(str(part)) as writer,
            ):
                for each in kept:
                    writer.write(each)


def _folders(root: Path, key: str) -> list[Path]:
    return sorted((main_checkout(root) / layout.LOGS).glob(f"* {key[:DIGITS]}"))


def _records(file: Path) -> Iterator[bytes]:
    """Yield the events of a file, whose last one may be cut off."""
    try:
        yield from tf.data.TFRecordDataset([str(file)]).as_numpy_iterator()
    except tf.errors.DataLossError:
        return


def _time_of(record: bytes) -> float:
    return float(Event.FromString(record).wall_time)
