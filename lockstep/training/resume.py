"""Resume a training: save its state in snapshots, and restore it from the newest one."""

import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from lockstep.errors import ParamsError
from lockstep.process import console
from lockstep.runtime.collectives import WorkerCollectives
from lockstep.storage import atomic_files
from lockstep.storage.copies import copy_file
from lockstep.training import callback_state, snapshots
from lockstep.training.step_log import WriteSteps
from lockstep.training.steps import Steps

Logs = dict[str, float]


class LastSnapshot(NamedTuple):
    """Where the snapshot of the last whole epoch is kept as a result, and its key."""

    path: Path
    key: str


class Phase(NamedTuple):
    """The number of a training's phase, from 0, and of the epochs before it."""

    number: int
    began: int


class Resume:
    """Writes snapshots of one training into a folder, and resumes from the newest complete one.

    `key` identifies the training. `callbacks` are those whose state is saved; `files` are the files
    that they write, by name. A snapshot is written at the end of an epoch if `seconds` have passed
    since the last one. With several workers only the chief has a folder; it broadcasts the state.
    `last` is where the snapshot of the last whole epoch is kept, from which more epochs can go on.
    """

    def __init__(
        self,
        steps: Steps,
        collectives: WorkerCollectives,
        callbacks: list[keras.callbacks.Callback],
        *,
        folder: Path | None,
        key: str,
        seconds: float,
        files: dict[str, Path],
        last: LastSnapshot | None = None,
    ) -> None:
        self.steps = steps
        self.collectives = collectives
        self.callbacks = callbacks
        self.folder, self.key, self.seconds, self.files = folder, key, seconds, files
        self.snapshot = snapshots.newest(folder, key) if folder else None
        self.last, self.last_written = last, time.monotonic()
        self.phase = Phase(0, 0)
        self._begun = False

    def first_phase(self) -> Phase:
        """Return the phase in which the snapshot was made; the phases before it aren't repeated."""
        made = self.snapshot.metadata["phase"] if self.snapshot else (0, 0)
        return Phase(*self.collectives.broadcast(np.array(made)).tolist())

    def enter(self, phase: Phase, steps: Steps) -> None:
        """Begin a phase, which has steps of its own; callbacks open their files again."""
        self.phase, self.steps = phase, steps
        for callback in self.callbacks if phase.number else ():
            if isinstance(callback, keras.callbacks.CSVLogger | WriteSteps):
                callback.append = True

    def before_training(self) -> None:
        """Restore the callbacks' files, before the callbacks open them."""
        if self._begun:
            return
        for name, path in self.snapshot.files.items() if self.snapshot else ():
            with atomic_files.whole_file(self.files[name]) as part:
                copy_file(path, part)
        for callback in self.callbacks:
            if self.snapshot and isinstance(callback, keras.callbacks.CSVLogger | WriteSteps):
                callback.append = True

    def begin(self) -> tuple[int, Logs]:
        """Restore the snapshot, and return the number of finished epochs and the last one's logs.

        Call it after `on_train_begin`, in which Keras's callbacks reset their state. The phases
        after the first one aren't restored. Raises ParamsError if the variables of the model and
        optimizer differ from the snapshot's.
        """
        if self._begun:
            return self.phase.began, {}
        self._begun = True
        self.initial_states = [callback_state.of(callback) for callback in self.callbacks]
        epoch = int(
            self.collectives.broadcast(np.array(self.snapshot.epoch if self.snapshot else 0))
        )
        if not epoch:
            return 0, {}
        self._restore_variables()
        stop = bool(self.snapshot and self.snapshot.metadata["stop"])
        self.steps.model.stop_training = bool(self.collectives.broadcast(np.array(stop)))
        if not self.snapshot:
            return epoch, {}
        for callback, state in zip(
            self.callbacks, self.snapshot.metadata["callbacks"], strict=True
        ):
            callback_state.restore(callback, state, self.snapshot.arrays)
        console.say(f"goes on after epoch {epoch}, from the snapshot in {self.folder}")
        return epoch, self.snapshot.metadata["logs"]

    def epoch_ended(self, epoch: int, logs: Logs, *, last: bool = False) -> None:
        """Write a snapshot if one is due; `epoch` is the number of finished epochs.

        `last` says that no whole epoch follows, so that this state is kept as a result.
        """
        due = bool(self.folder) and time.monotonic() - self.last_written >= self.seconds
        due = bool(self.collectives.broadcast(np.array(due)))
        if not (due or last):
            return
        contents = self._contents(logs, self._variables())
        if due and self.folder:
            snapshots.write(self.folder, self.key, epoch, *contents)
            self.last_written = time.monotonic()
        if last and self.last:
            snapshots.write_to(self.last.path, self.last.key, epoch, *self._of_any_run(*contents))

    def ended(self) -> None:
        """Keep the snapshot from which this went on if no whole epoch followed.

        Without one, keep a snapshot without a state.
        """
        if not self.last or self.last.path.exists():
            return
        # Read again: callbacks have changed the lists and arrays that they were given.
        found = snapshots.newest(self.folder, self.key) if self.snapshot and self.folder else None
        if found:
            contents = self._of_any_run(found.metadata, found.arrays, found.files)
            snapshots.write_to(self.last.path, self.last.key, found.epoch, *contents)
        else:
            snapshots.write_to(self.last.path, self.last.key, 0, {}, {}, {})

    def _of_any_run(
        self, metadata: dict[str, Any], arrays: dict[str, np.ndarray], files: dict[str, Path]
    ) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, Path]]:
        """Return contents without what another run of the same training may end with otherwise.

        These are TensorBoard's counts of graph calls, which depend on memory, and what custom
        callbacks keep, such as the time at which they began.
        """
        states, found, left_out = metadata["callbacks"], dict(arrays), {}
        for number, callback in enumerate(self.callbacks):
            if callback_state.is_custom(callback) and states[number]:
                left_out[f"custom.{type(callback).__name__}"] = list(states[number])
                found = callback_state.without_arrays(found, number)
            elif not isinstance(callback, keras.callbacks.TensorBoard):
                continue
            states = [*states[:number], {}, *states[number + 1 :]]
        more = {snapshots.LEFT_OUT: left_out} if left_out else {}
        return {**metadata, "callbacks": states, **more}, found, files

    def _contents(
        self, logs: Logs, arrays: dict[str, np.ndarray]
    ) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[str, Path]]:
        """Return a snapshot's metadata, arrays and files."""
        states = []
        for number, callback in enumerate(self.callbacks):
            state, more = callback_state.changed(callback, self.initial_states[number], number)
            states.append(state)
            arrays |= more
        metadata = {
            "logs": logs,
            "stop": bool(self.steps.model.stop_training),
            "callbacks": states,
            "paths": _names(each.path for each in self.steps.variables),
            "phase": self.phase,
        }
        return metadata, arrays, {name: path for name, path in self.files.items() if path.exists()}

    def _variables(self) -> dict[str, np.ndarray]:
        """Return all replicas' values by variable: seeds and batch statistics differ by replica."""
        found: dict[str, np.ndarray] = {}
        for number, variable in enumerate(self.steps.variables):
            mine = np.stack([part.numpy() for part in self.steps.parts(variable)])
            if self.collectives.size > 1 and not _is_mirrored(variable):
                mine = self.collectives.all_gather(mine)
            alike = all(each.tobytes() == mine[0].tobytes() for each in mine)
            found[f"{number:05d}"] = mine[:1] if alike else mine
        return found

    def _restore_variables(self) -> None:
        variables = self.steps.variables
        self._demand_same(variables)
        first = self.collectives.index * len(self.steps.parts(variables[0]))
        for number, variable in enumerate(variables):
            parts = self.steps.parts(variable)
            saved = self.snapshot.arrays[f"{number:05d}"] if self.snapshot else None
            values = self.collectives.broadcast_array(saved)
            for replica, part in enumerate(parts, first):
                part.assign(values[replica if len(values) > 1 else 0])

    def _demand_same(self, variables: list[keras.Variable]) -> None:
        """Raise ParamsError where Keras would only warn and continue with a new optimizer."""
        if not self.snapshot:
            return
        saved = [value.shape[1:] for name, value in self.snapshot.arrays.items() if name.isdigit()]
        names, shapes = _names(each.path for each in variables), [each.shape for each in variables]
        if names != self.snapshot.metadata["paths"] or list(map(tuple, shapes)) != saved:
            raise ParamsError(
                f"{self.folder}: its snapshots have other variables than this model and optimizer; "
                "remove the folder to train from scratch"
            )


def _names(paths: Iterable[str]) -> list[str]:
    """Return paths without the numbers by which Keras makes names unique in a process."""
    return [re.sub(r"_\d+", "", path) for path in paths]


def _is_mirrored(variable: keras.Variable) -> bool:
    """Return whether all replicas always hold the same value."""
    return variable.trainable or variable.aggregation in ("mean", "sum", "only_first_replica")
