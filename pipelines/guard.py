"""Ends whatever carries a mark once the process that gave it has ended, even by kill -9.

What a worker starts has sessions of its own: no signal to a group reaches all of it.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

NAME = "LOCKSTEP_UP"  # the environment variable that every descendant inherits
STOP_LIMIT_SECONDS = 10


def watch(mark: str) -> None:
    """Start a process that ends the marked ones when this one is gone."""
    command = [sys.executable, "-m", "pipelines.guard", str(os.getpid()), mark]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def stop(mark: str) -> None:
    """Stop the marked processes, and return when none is left."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in marked(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + STOP_LIMIT_SECONDS
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.1)


def marked(mark: str) -> list[int]:
    """Return the living processes that carry the mark."""
    found, sought = [], f"{NAME}={mark}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if sought in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
    return found


def _main(process: int, mark: str) -> None:
    with contextlib.suppress(OSError, AttributeError):  # it has ended, or this isn't Linux
        select.select([os.pidfd_open(process)], [], [])
    stop(mark)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
