"""End a process that gets Ctrl-C or SIGTERM: in order, but within a time limit.

The first signal raises KeyboardInterrupt or SystemExit in the main thread, so that cleanup runs.
Those that follow within SAME_SECONDS are taken for the same one, as a terminal and a parent process
both send it. A later Ctrl-C, or the limit, ends the process at once.

The interpreter drops an exception that a `__del__` or a callback of a weak reference raises. A
signal that arrives in one of those is sent once more.

A thread watches the time, because the main thread may be inside a library for long. Python's
interpreter isn't finalized in the end: that would wait for other threads, such as one that imports
TensorFlow.
"""

import atexit
import contextlib
import gc
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType

LIMIT_SECONDS = 8.0
SAME_SECONDS = 1.0
AGAIN_SECONDS = 0.05
# An environment variable for a child process whose parent prints the line.
SILENT = "LOCKSTEP_STOP_SILENTLY"
CLEAR = "\r\x1b[K\x1b[?25h"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
DROPPED = 0  # in the pipe of the signals' numbers: what the handler raised was dropped


@dataclass
class _State:
    """What this process does when it gets a signal."""

    what: str = ""
    handled: bool = False
    raising: bool = False
    number: int = 0  # the first signal
    raised: bool = False
    sent_again: int = 0  # signals that this process has sent itself
    reported: bool = False
    at_end: list[Callable[[], object]] = field(default_factory=list)


_state = _State()


def postpone() -> None:
    """Let Ctrl-C wait until `handle` is called, possibly by the program that this one becomes."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])


def handle(what: str) -> None:
    """Handle Ctrl-C and SIGTERM until the process ends; `what` starts the line that says so.

    Call it in the main thread. Ctrl-C stays ignored in a process that was started so.
    """
    _state.what = what
    if not _state.handled:
        _state.handled, _state.reported = True, bool(os.environ.pop(SILENT, ""))
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, _on_signal)
        sys.unraisablehook = _noticing(sys.unraisablehook, writing)
        threading.Thread(target=_watch, args=(reading,), daemon=True).start()
        # Spares the last garbage collections: 1.5 s with TensorFlow, Prefect and MLflow imported.
        atexit.register(gc.freeze)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


@contextlib.contextmanager
def raising(what: str) -> Iterator[None]:
    """Raise the exception for a signal inside this block; outside of it the process ends at once.

    If there was a signal, the process ends after the block, however that was left.
    """
    _state.what, before = what, _state.raising
    _state.raising = True
    try:
        yield
    finally:
        _state.raising = before
        if _state.number and not before:
            _end(cleanup=True)


def at_end(function: Callable[[], object]) -> None:
    """Call the function before the process ends because of a signal."""
    _state.at_end.append(function)


def _on_signal(number: int, frame: FrameType | None) -> None:
    # Not by `number`, which the thread may have set already.
    first, _state.raised = not _state.raised, True
    _state.number = _state.number or number
    if not _state.raising:
        _end(cleanup=False)
    elif first and number == signal.SIGINT:
        raise KeyboardInterrupt
    elif first:
        raise SystemExit(128 + number)


def _noticing(
    hook: Callable[["sys.UnraisableHookArgs"], object], writing: int
) -> Callable[["sys.UnraisableHookArgs"], None]:
    """Return a hook for dropped exceptions that tells the thread of one raised for a signal."""

    def notice(dropped: "sys.UnraisableHookArgs") -> None:
        if not (_state.raised and dropped.exc_type in (KeyboardInterrupt, SystemExit)):
            hook(dropped)
            return
        _state.raised = False
        os.write(writing, bytes([DROPPED]))

    return notice


def _watch(reading: int) -> None:
    """End the process at the limit, or at a Ctrl-C that isn't the first one."""
    started = 0.0
    while True:
        limit = max(0.0, started + LIMIT_SECONDS - time.monotonic()) if started else None
        if not select.select([reading], [], [], limit)[0]:
            _end(cleanup=False)
        for number in os.read(reading, 1):
            if number == DROPPED:
                _send_again()
            elif _state.sent_again:
                _state.sent_again -= 1
            elif number in SIGNALS:
                _state.number = _state.number or number
                started = started or time.monotonic()
                if number == signal.SIGINT and time.monotonic() - started > SAME_SECONDS:
                    _end(cleanup=False)


def _send_again() -> None:
    time.sleep(AGAIN_SECONDS)  # until the main thread has left the callback
    _state.sent_again += 1
    os.kill(os.getpid(), _state.number)


def _end(*, cleanup: bool) -> None:
    if cleanup:
        for function in _state.at_end:
            with contextlib.suppress(Exception):
                function()
    _say_once()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(128 + _state.number)


def _say_once() -> None:
    reported, _state.reported = _state.reported, True
    if not reported:
        how = "interrupted" if _state.number == signal.SIGINT else "stopped"
        line = f"{_state.what}: {how}; run the same command again to go on from there\n"
        with contextlib.suppress(OSError):
            # A progress bar may be in the terminal's line, and may have hidden the cursor.
            os.write(2, f"{CLEAR if os.isatty(2) else ''}{line}".encode())
