"""Of which epoch each file of weights is, that a training has written."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from lockstep.config.schema import CUSTOM, Params
from lockstep.modeling.weights import weights_digest
from lockstep.storage import atomic_files, layout
from lockstep.storage.layout import BEST, LAST
from lockstep.training.history import WriteHistory

Epochs = dict[str, int | None]  # by checkpoint; None: no epoch's metrics are its own
Marks = frozenset[tuple[str, int, int]]


class WriteCheckpoints(keras.callbacks.Callback):
    """Writes a CSV row for each file of weights: best, or a name below `folder`, and its epoch.

    A file counts as written in the epoch in which it has changed. `own_weights` says whether it has
    the weights that validation has measured. Must come after the callbacks that write.
    """

    def __init__(self, path: Path, best: Path, folder: Path, *, own_weights: bool) -> None:
        super().__init__()
        self.path, self._best, self._folder = path, best, folder
        self._own_weights = own_weights
        self.epochs: Epochs = {}
        self._before: Marks = frozenset()  # no list, which would be saved in snapshots

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the files."""
        self._before = self._marks()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the files that are new or have changed, and rewrite the list."""
        for name, *_ in self._marks() - self._before:
            self.epochs[name] = epoch + 1 if name == BEST or self._own_weights else None
        _write_list(self.path, self.epochs)

    def _marks(self) -> Marks:
        found = {BEST: self._best} if self._best.exists() else {}
        found |= {
            str(each.relative_to(self._folder)): each
            for each in self._folder.rglob("*")
            if each.is_file() and each.name.endswith((".keras", ".h5"))
        }
        looked = ((name, path.stat()) for name, path in found.items())
        return frozenset((name, each.st_ino, each.st_mtime_ns) for name, each in looked)


def add_last(params: Params, root: Path, callbacks: Sequence[keras.callbacks.Callback]) -> None:
    """Add the last weights to the list, without an epoch if a callback may have changed them."""
    writer = next(each for each in callbacks if isinstance(each, WriteCheckpoints))
    history = next(each for each in callbacks if isinstance(each, WriteHistory))
    files = [root / layout.weights_of(each) for each in (BEST, LAST)]
    same = files[0].exists() and len(set(map(weights_digest, files))) == 1
    ended = None if _changed_at_end(params) else history.rows[-1]["epoch"]
    epoch = writer.epochs.get(BEST) if same else ended
    _write_list(writer.path, {**writer.epochs, LAST: epoch})


def measured_as_written(params: Params) -> bool:
    """Return whether callbacks' files have the weights of the end of an epoch, as validation."""
    frequencies = (each.arguments.get("save_freq", "epoch") for each in params.train.callbacks)
    return not _may_swap(params) and all(each == "epoch" for each in frequencies)


def _changed_at_end(params: Params) -> bool:
    restored = (each.arguments.get("restore_best_weights") for each in params.train.callbacks)
    optimizer = params.train.optimizer  # with use_ema, the last weights are its moving average
    averaged = optimizer.name.startswith(CUSTOM) or optimizer.arguments.get("use_ema")
    return bool(averaged) or any(restored) or _may_swap(params)


def _may_swap(params: Params) -> bool:
    """Return whether a callback may put other weights into the model than were measured."""
    names = (each.name for each in params.train.callbacks)
    return any(name == "SwapEMAWeights" or name.startswith(CUSTOM) for name in names)


def _write_list(path: Path, epochs: Mapping[str, int | None]) -> None:
    """Write the list: the best weights, files of callbacks by name, the last weights."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["checkpoint", "epoch"])
    ends = {BEST: 0, LAST: 2}
    for name in sorted(epochs, key=lambda each: (ends.get(each, 1), each)):
        writer.writerow([name, "" if epochs[name] is None else epochs[name]])
    atomic_files.write_text(path, text.getvalue())
