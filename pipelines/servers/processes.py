"""Start the processes of `lockstep up`, prefix their output with their names, and stop them."""

import multiprocessing
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import honcho.manager
from honcho.manager import Manager
from honcho.process import Popen, Process

from lockstep.process import stopping
from lockstep.process.environment import python_module
from pipelines.servers import orphan_killer

honcho.manager.KILL_WAIT = 15  # the default, 5 s, is too short for a busy Prefect server
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
WORKER = "worker"
FLOW_RUN = "PREFECT__FLOW_RUN_ID="  # in the environment of a worker's runs
SETTLED_SECONDS = 60  # a worker that ends by itself before that would do so again


class Servers(Manager):
    """Starts a worker again that has ended; if another process ends, it stops all of them.

    It remembers which process ended first, before the others were stopped.
    """

    returncode: int | None

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark, self.ended, self._stop_after_start = mark, "", False
        self._process_ctor = _Server
        self._worker_started = 0.0

    def add_worker(self, root: Path, variables: dict[str, str], *options: str) -> None:
        """Add a worker of a project, with these options of pipelines.servers.prefect_worker."""
        command = shlex.join(python_module("pipelines.servers.prefect_worker", *options))
        environment = {**variables, stopping.SILENT: "1"}
        self.add_process(WORKER, f"exec {command}", cwd=str(root), env=environment)

    def terminate(self) -> None:
        """Stop the worker's runs, while they can still report to the servers, then the servers."""
        if not self._all_started():
            self._stop_after_start = True  # a process whose id isn't known yet can't be stopped
            return
        if not self._terminating:
            self.ended = "".join(self._ended()[:1])
            orphan_killer.stop(self.mark, FLOW_RUN)
        super().terminate()

    def _ended(self) -> list[str]:
        return [name for name, each in self._processes.items() if "returncode" in each]

    def _all_stopped(self) -> bool:
        """Whether the loop can end; it asks that before it asks whether any process has stopped."""
        stops = self._stop_after_start or self._terminating
        if self._ended() == [WORKER] and not stops:
            self._start_worker_again(self._processes[WORKER])
        return bool(super()._all_stopped())

    def _any_stopped(self) -> bool:
        return self._stop_after_start or bool(super()._any_stopped())

    def _start_worker_again(self, worker: dict[str, Any]) -> None:
        """Stop what is left of the worker's runs, which write to its pipes, and start it."""
        code = worker["returncode"]
        if code >= 0 and time.monotonic() - self._worker_started < SETTLED_SECONDS:
            return  # it can't start, and has said why
        how = f"ended with exit code {code}" if code >= 0 else "was killed"
        self._system_print(f"the worker {how}; its runs are stopped, and it is started again\n")
        orphan_killer.stop(self.mark, FLOW_RUN)
        if self._terminating:  # by a signal in the meantime
            return
        if self.returncode == code:
            self.returncode = None
        del worker["returncode"], worker["pid"]
        worker["process"] = multiprocessing.Process(
            name=WORKER, target=worker["obj"].run, args=(self.events, True)
        )
        with _signals_blocked():
            worker["process"].start()
        self._worker_started = time.monotonic()

    def _start(self) -> None:
        with _signals_blocked():
            super()._start()
        self._worker_started = time.monotonic()


@contextmanager
def _signals_blocked() -> Iterator[None]:
    # Ctrl-C goes to the whole group: it would end a process that was just forked, and the loop
    # would wait for it forever.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)


class _Server(Process):
    """Ignores Ctrl-C and SIGTERM itself, and ends when its server ends."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = _popen

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        _handle_stop_signals(signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        super().run(events, ignore_signals)


def _popen(command: str, **options: Any) -> Popen:
    # Reset because a child inherits ignored signals.
    return Popen(command, preexec_fn=lambda: _handle_stop_signals(signal.SIG_DFL), **options)


def _handle_stop_signals(handler: signal.Handlers) -> None:
    for number in STOP_SIGNALS:
        signal.signal(number, handler)
