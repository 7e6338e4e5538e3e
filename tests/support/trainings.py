"""Trainings that tests interrupt, kill and restart, and the digests of their results."""

import hashlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loops import SOME, TRAIN, dense
from tests.support.waiting import SLOWEST

EPOCHS, CUT = 12, 6
PAUSE = "tests/support/pause.py"


class Cut(BaseException):
    """Stands for the kill of a process."""


class Training:
    """A training that uses everything with state; it can be interrupted and restarted."""

    def __init__(self, make_loop: Callable[..., Any], folder: Path, replicas: int = 1) -> None:
        self.make_loop, self.folder, self.replicas = make_loop, folder, replicas
        self.snapshots = folder / "snapshots"
        folder.mkdir(exist_ok=True)

    def start(self, optimizer: str = "Adam") -> None:
        """Create everything again, as a new process does."""
        import keras

        from lockstep.runtime.strategy import start_runtime
        from lockstep.training.callbacks import callback_files
        from lockstep.training.history import KeepBest, WriteHistory
        from lockstep.training.resume import Resume

        with start_runtime(0, self.replicas).scope():
            noise = keras.Sequential([keras.Input((6,)), keras.layers.GaussianNoise(0.1)])
        self.loop = self.make_loop(
            self.replicas,
            model=lambda: dense(keras.layers.BatchNormalization(), keras.layers.Dropout(0.3)),
            parts=lambda: {"optimizer": getattr(keras.optimizers, optimizer)(0.05)},
            steps={"augment": noise},
        )
        self.callbacks = [
            WriteHistory(self.folder / "history.csv"),
            KeepBest(self.folder / "best.weights.h5"),
            keras.callbacks.ReduceLROnPlateau("val_loss", patience=2, cooldown=1, min_delta=0.02),
            keras.callbacks.EarlyStopping("val_loss", patience=7, restore_best_weights=True),
            keras.callbacks.CSVLogger(str(self.folder / "log.csv")),
        ]
        files = callback_files(self.callbacks)
        self.resume = Resume(
            self.loop.steps, self.loop.collectives, self.callbacks,
            folder=self.snapshots, key="key", seconds=0, files=files,
        )  # fmt: skip

    def run(self, cut: int = EPOCHS) -> str:
        """Train to the end, or to the start of epoch `cut`; return the digest of the results."""
        import keras

        def on_epoch_begin(epoch: int, logs: Any = None) -> None:
            if epoch == cut:
                raise Cut

        ending = keras.callbacks.LambdaCallback(on_epoch_begin=on_epoch_begin)
        callbacks = [*self.callbacks, ending]
        try:
            self.loop.fit(TRAIN, SOME, callbacks, epochs=EPOCHS, resume=self.resume)
        finally:  # as happens when a process ends
            self.callbacks[-1].csv_file.close()
        total = hashlib.sha256()
        for weight in self.loop.model.get_weights():
            total.update(weight.tobytes())
        for name in ("history.csv", "best.weights.h5", "log.csv"):
            total.update((self.folder / name).read_bytes())
        return total.hexdigest()

    def cut_off(self) -> None:
        """Train half-way, then delete the outputs that DVC removes before it reruns the stage."""
        self.start()
        with pytest.raises(Cut):
            self.run(CUT)
        for name in ("history.csv", "best.weights.h5"):
            (self.folder / name).unlink()


class Pauses:
    """Pauses of a training in the middle of some epochs, counted from 1.

    Test and training signal each other by files in `folder`.
    """

    def __init__(self, folder: Path, *epochs: int) -> None:
        self.folder, self.epochs = folder, epochs
        folder.mkdir()

    def changes(self) -> dict[str, Any]:
        """The parameters for a training with pauses and a snapshot at the end of each epoch."""
        pause = {"name": "custom.Pause", "folder": str(self.folder), "epochs": list(self.epochs)}
        return {
            "train.custom_objects_file": PAUSE,
            "train.callbacks": [pause],
            "train.steps_per_execution": 10,  # otherwise an epoch would be a single call
            "train.snapshot_seconds": 0,
        }

    def wait(
        self,
        epoch: int,
        over: Callable[[], bool],
        output: Callable[[], str],
        seconds: float = 180,
    ) -> None:
        """Wait until training pauses in an epoch; fails with the output if the run is over."""
        reached, deadline = self.folder / f"reached-{epoch}", time.monotonic() + SLOWEST * seconds
        while not reached.exists():
            late = time.monotonic() > deadline
            if late or over():
                when = f"within {SLOWEST * seconds} s" if late else "before the run was over"
                pytest.fail(f"training wasn't in epoch {epoch} {when}:\n{output()}")
            time.sleep(0.05)

    def wait_in(self, process: subprocess.Popen[str], epoch: int) -> None:
        """Wait until training pauses in an epoch, in a process whose output is a pipe."""
        self.wait(epoch, lambda: process.poll() is not None, lambda: _said(process))

    def go_on(self, epoch: int) -> None:
        """Let training go on from the pause in an epoch, now or once it gets there."""
        (self.folder / f"go-{epoch}").touch()


def _said(process: subprocess.Popen[str]) -> str:
    """The output of a process so far; the process is killed if it is still running."""
    process.kill()
    try:
        return process.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired as expired:  # a child process still holds the pipe
        return (expired.output or b"").decode()


def digests(root: Path) -> dict[str, str]:
    """The sha256 of each result file of a training, by file name."""
    files = [*root.glob("weights/[bl]*.h5"), root / "report" / "history.csv"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def end_of(process: subprocess.Popen[str], seconds: float = 120) -> tuple[int, str]:
    """The exit code and the output of a process; it is killed if it takes too long."""
    try:
        output, _ = process.communicate(timeout=SLOWEST * seconds)
    finally:
        process.kill()
    return process.returncode, output
