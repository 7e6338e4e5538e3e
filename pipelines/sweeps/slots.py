"""The processes in which a sweep's trials run, each with a workspace of its own."""

import os
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from lockstep.process import stopping
from lockstep.process.environment import python_module
from lockstep.process.memory import resident_bytes
from lockstep.process.runner import announce_runner
from lockstep.runtime import devices
from lockstep.versioning import experiments
from pipelines import workspaces, worktrees
from pipelines.sweeps.messages import Answer, Line, Request

Judge = Callable[[dict[int, float]], int]  # from values by epoch to where to prune, or 0
KILLED = 137
IDLE_SECONDS, STOP_SECONDS = 0.5, 12
# TensorFlow keeps some 20 MB of each training that a process runs: a process that has grown by so
# many bytes is ended, and the next trial starts another, for 5 seconds of imports.
GROWTH = 2**30


class Slot:
    """A process that runs one trial after the other; it is started again if it dies."""

    def __init__(self, root: Path, workspace: Path, number: int, log: Path, *, shared: bool):
        self.root, self.workspace, self.number, self.log = root, workspace, number, log
        self.shared, self.stopped = shared, False
        self._process: subprocess.Popen[bytes] | None = None
        self._at_first = 0  # bytes of memory after the process's first trial

    def run(self, request: Request, judge: Judge) -> Answer:
        """Return how a trial ended; one whose process was killed is tried once more."""
        answer = self._attempt(request, judge)
        if answer.exit_code == KILLED and not self.stopped:
            answer = self._attempt(request, judge)
        if answer.restart or self._has_grown():
            self.stop()
        return answer

    def _has_grown(self) -> bool:
        """Whether the process takes much more memory than after its first trial."""
        taken = resident_bytes(self._process.pid) if self._process else 0
        self._at_first = self._at_first or taken
        return taken - self._at_first > GROWTH

    def _attempt(self, request: Request, judge: Judge) -> Answer:
        line = self._line()
        try:
            line.send(asdict(request))
            while (message := line.receive()) is not None:
                if "ended" in message:
                    return Answer(**message["ended"])
                found = {int(epoch): each for epoch, each in message["epochs"].items()}
                line.send(judge(found))
        except OSError:
            pass  # the process has died
        return self._died()

    def _died(self) -> Answer:
        code = self._process.wait() if self._process else 0
        if not self.stopped:
            self._forget()
        reason = f"the process ended with {code}, perhaps for lack of memory; see {self.log}"
        return Answer("failed", reason=reason, exit_code=KILLED)

    def _line(self) -> Line:
        if self._process is None:
            self.start()
        return self._connection

    def start(self) -> None:
        """Start the process."""
        self._at_first = 0
        mine, theirs = socket.socketpair()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = python_module("pipelines.sweeps.slot", str(theirs.fileno()), str(self.root))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.workspace,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
            )
        theirs.close()
        self._connection = Line(mine)

    def _environment(self) -> dict[str, str]:
        announce_runner()  # so that the slot ends with this process
        paths = filter(None, (str(self.workspace), os.environ.get("PYTHONPATH")))
        variables = {"PYTHONPATH": os.pathsep.join(paths), stopping.SILENT: "1"}
        if self.shared and devices.gpus():
            chosen = devices.chosen_gpus() or [str(each) for each in range(len(devices.gpus()))]
            variables["CUDA_VISIBLE_DEVICES"] = chosen[self.number]
        return {**os.environ, **variables}

    def stop(self) -> None:
        """End the process; a trial in it ends as after Ctrl-C."""
        if self._process is None:
            return
        self._connection.close()
        try:
            self._process.wait(IDLE_SECONDS)  # it ends with the connection
        except subprocess.TimeoutExpired:
            _terminate(self._process)
        self._forget()

    def _forget(self) -> None:
        self._connection.close()
        self._process = None


def _terminate(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Slots:
    """The slots of a sweep; a trial takes one that is free."""

    def __init__(
        self, root: Path, assignments: list[str], preset: str | None, log: Path, count: int
    ) -> None:
        self._root, self._assignments, self._preset, self._log = root, assignments, preset, log
        self._count = count
        self.all: list[Slot] = []
        self._free: SimpleQueue[Slot] = SimpleQueue()

    def make(self) -> None:
        """Make all slots at once, so that they have the same files, and start their imports."""
        for number in range(self._count):
            workspace = workspaces.create(self._root, self._assignments, self._preset)
            experiments.checkout(workspace)
            log = self._log.with_name(f"{self._log.name}-{number}.log")
            slot = Slot(self._root, workspace, number, log, shared=self._count > 1)
            self.all.append(slot)
            slot.start()
            self._free.put(slot)

    def stop(self) -> None:
        """End all processes; trials in them are given up."""
        for slot in self.all:
            slot.stopped = True
        for slot in self.all:
            slot.stop()

    @contextmanager
    def one(self) -> Iterator[Slot]:
        """Yield a free slot, after waiting for it."""
        slot = self._free.get()
        try:
            yield slot
        finally:
            self._free.put(slot)

    def __enter__(self) -> "Slots":
        return self

    def __exit__(self, *raised: Any) -> None:
        self.stop()
        for slot in self.all:
            worktrees.remove(self._root, slot.workspace)
