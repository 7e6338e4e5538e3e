"""Start the processes of `lockstep up`, prefix their output with their names, and stop them."""

import signal
from typing import Any

import honcho.manager
from honcho.manager import Manager
from honcho.process import Popen, Process

from pipelines.servers import orphan_killer

honcho.manager.KILL_WAIT = 15  # the default, 5 s, is too short for a busy Prefect server
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Servers(Manager):
    """Remembers which process ended first, before the others were stopped."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark, self.ended, self._stop_after_start = mark, "", False
        self._process_ctor = _Server

    def terminate(self) -> None:
        """Stop the worker's runs, while they can still report to the servers, then the servers."""
        if not self._all_started():
            self._stop_after_start = True  # a process whose id isn't known yet can't be stopped
            return
        if not self._terminating:
            ended = [name for name, each in self._processes.items() if "returncode" in each]
            self.ended = "".join(ended[:1])
            orphan_killer.stop(self.mark, "PREFECT__FLOW_RUN_ID")
        super().terminate()

    def _any_stopped(self) -> bool:
        return self._stop_after_start or bool(super()._any_stopped())

    def _start(self) -> None:
        # Ctrl-C goes to the whole group: it would end a process that was just forked, and the loop
        # would wait for it forever.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        super()._start()
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
