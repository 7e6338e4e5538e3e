"""The processes of `lockstep up`: started, shown under their names and stopped together."""

import signal
from typing import Any

import honcho.manager
from honcho.manager import Manager
from honcho.process import Popen, Process

from pipelines.servers import orphan_killer

honcho.manager.KILL_WAIT = 15  # its 5 s are short for a Prefect server at work
STOPS = (signal.SIGINT, signal.SIGTERM)


class Servers(Manager):
    """Knows which of its processes ended before the others were stopped."""

    def __init__(self, mark: str) -> None:
        super().__init__()
        self.mark, self.ended, self._too_early = mark, "", False
        self._process_ctor = _Server

    def terminate(self) -> None:
        """Stop the worker's runs, while there are servers to tell, and then the servers."""
        if not self._all_started():
            self._too_early = True  # it can't stop one whose id it doesn't know yet
            return
        if not self._terminating:
            ended = [name for name, each in self._processes.items() if "returncode" in each]
            self.ended = "".join(ended[:1])
            orphan_killer.stop(self.mark, "PREFECT__FLOW_RUN_ID")
        super().terminate()

    def _any_stopped(self) -> bool:
        return self._too_early or bool(super()._any_stopped())

    def _start(self) -> None:
        # A Ctrl-C goes to all; it would end what has just been forked, and the loop wait for ever.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        super()._start()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


class _Server(Process):
    """Ends with its server alone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._child_ctor = _popen

    def run(self, events: Any = None, ignore_signals: bool = False) -> None:
        _set_stops(signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        super().run(events, ignore_signals)


def _popen(command: str, **options: Any) -> Popen:
    # What is ignored here would be ignored there.
    return Popen(command, preexec_fn=lambda: _set_stops(signal.SIG_DFL), **options)


def _set_stops(handler: signal.Handlers) -> None:
    for number in STOPS:
        signal.signal(number, handler)
