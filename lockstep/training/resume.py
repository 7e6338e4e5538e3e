"""Going on where a training was: what survives it, put into bundles and taken from them."""

import re
import time
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from lockstep.errors import ParamsError
from lockstep.process import console
from lockstep.runtime.collectives import Together
from lockstep.storage import atomic_files
from lockstep.training import callback_state, snapshots
from lockstep.training.steps import Steps

Logs = dict[str, float]


class Resume:
    """Writes bundles of one training into a folder, and goes on from the newest that is whole.

    `key` tells this training from all others. `callbacks` are those whose state decides what
    comes; `files` are theirs, by name. A bundle is written at the end of an epoch when `seconds`
    have passed since the last. Of several workers the chief has the folder, and tells the others.
    """

    def __init__(
        self,
        steps: Steps,
        together: Together,
        callbacks: list[keras.callbacks.Callback],
        *,
        folder: Path | None,
        key: str,
        seconds: float,
        files: dict[str, Path],
    ) -> None:
        self.steps = steps
        self.together = together
        self.callbacks = callbacks
        self.folder, self.key, self.seconds, self.files = folder, key, seconds, files
        self.bundle = snapshots.newest(folder, key) if folder else None
        self.last = time.monotonic()

    def before_training(self) -> None:
        """Put the files back as they were, before callbacks open them."""
        for name, path in self.bundle.files.items() if self.bundle else ():
            with atomic_files.whole_file(self.files[name]) as part:
                part.write_bytes(path.read_bytes())
        for callback in self.callbacks:
            if self.bundle and isinstance(callback, keras.callbacks.CSVLogger):
                callback.append = True

    def begin(self) -> tuple[int, Logs]:
        """Restore what the bundle holds, and return the epochs done and the last one's logs.

        Callbacks have begun: stock ones forget their state when they do. Raises ParamsError for an
        optimizer or model whose variables aren't those of the bundle.
        """
        self.fresh = [callback_state.of(callback) for callback in self.callbacks]
        epoch = int(self.together.agree(np.array(self.bundle.epoch if self.bundle else 0)))
        if not epoch:
            return 0, {}
        self._restore_variables()
        stop = bool(self.bundle and self.bundle.facts["stop"])
        self.steps.model.stop_training = bool(self.together.agree(np.array(stop)))
        if not self.bundle:
            return epoch, {}
        for callback, state in zip(self.callbacks, self.bundle.facts["callbacks"], strict=True):
            callback_state.restore(callback, state, self.bundle.arrays)
        console.say(f"goes on after epoch {epoch}, from the bundle in {self.folder}")
        return epoch, self.bundle.facts["logs"]

    def epoch_ended(self, epoch: int, logs: Logs) -> None:
        """Write a bundle if it is time; `epoch` counts those done."""
        due = bool(self.folder) and time.monotonic() - self.last >= self.seconds
        if not self.together.agree(np.array(due)):
            return
        arrays = self._variables()
        if self.folder:
            self._write(self.folder, epoch, logs, arrays)
        self.last = time.monotonic()

    def _write(self, folder: Path, epoch: int, logs: Logs, arrays: dict[str, np.ndarray]) -> None:
        states = []
        for number, callback in enumerate(self.callbacks):
            state, more = callback_state.changed(callback, self.fresh[number], number)
            states.append(state)
            arrays |= more
        facts = {
            "logs": logs,
            "stop": bool(self.steps.model.stop_training),
            "callbacks": states,
            "paths": [each.path for each in self.steps.variables],
        }
        files = {name: path for name, path in self.files.items() if path.exists()}
        snapshots.write(folder, self.key, epoch, facts, arrays, files)

    def _variables(self) -> dict[str, np.ndarray]:
        """Each replica's value of each variable: seeds and batch statistics differ between them."""
        found: dict[str, np.ndarray] = {}
        for number, variable in enumerate(self.steps.variables):
            mine = np.stack([part.numpy() for part in self.steps.parts(variable)])
            if self.together.size > 1 and not _is_mirrored(variable):
                mine = self.together.collect(mine)
            alike = all(each.tobytes() == mine[0].tobytes() for each in mine)
            found[f"{number:05d}"] = mine[:1] if alike else mine
        return found

    def _restore_variables(self) -> None:
        variables = self.steps.variables
        self._demand_same(variables)
        first = self.together.index * len(self.steps.parts(variables[0]))
        for number, variable in enumerate(variables):
            parts = self.steps.parts(variable)
            own = self.bundle.arrays[f"{number:05d}"] if self.bundle else None
            values = self.together.tell(own)
            for replica, part in enumerate(parts, first):
                part.assign(values[replica if len(values) > 1 else 0])

    def _demand_same(self, variables: list[keras.Variable]) -> None:
        """What Keras says in a warning, before it goes on with a fresh optimizer, is an error."""
        if not self.bundle:
            return
        kept = [value.shape[1:] for name, value in self.bundle.arrays.items() if name.isdigit()]
        names, shapes = _names(each.path for each in variables), [each.shape for each in variables]
        if names != _names(self.bundle.facts["paths"]) or list(map(tuple, shapes)) != kept:
            raise ParamsError(
                f"{self.folder}: its bundles have other variables than this model and optimizer; "
                "remove the folder to train anew"
            )


def _names(paths: Iterable[str]) -> list[str]:
    """Variables' paths without the numbers that Keras counts up within a process."""
    return [re.sub(r"_\d+", "", path) for path in paths]


def _is_mirrored(variable: keras.Variable) -> bool:
    """Say whether all replicas hold the same value by construction."""
    return variable.trainable or variable.aggregation in ("mean", "sum", "only_first_replica")
