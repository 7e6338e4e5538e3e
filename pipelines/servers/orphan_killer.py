"""Stops all processes with a mark in their environment when the process that set it has ended.

This also works after kill -9. The processes that a worker starts have their own sessions, so a
signal to a process group doesn't reach all of them.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from lockstep.process.environment import python_module

NAME = "LOCKSTEP_UP"  # the environment variable that every descendant inherits
STOP_LIMIT_SECONDS = 10


def watch(mark: str) -> None:
    """Start a process that stops the marked processes when this process has ended."""
    command = python_module("pipelines.servers.orphan_killer", str(os.getpid()), mark)
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def stop(mark: str, variable: str = "") -> None:
    """Stop the marked processes, or those of them with this variable, and wait for their end.

    After STOP_LIMIT_SECONDS they get SIGKILL.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in _marked(mark, variable):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + STOP_LIMIT_SECONDS
        while _marked(mark, variable) and time.monotonic() < deadline:
            time.sleep(0.1)


def _marked(mark: str, variable: str) -> list[int]:
    found, assignment = [], f"{NAME}={mark}".encode()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # the process has ended, or belongs to another user
            environment = file.read_bytes().split(b"\0")
            if assignment in environment and any(
                each.startswith(variable.encode()) for each in environment
            ):
                found.append(int(file.parent.name))
    return found


def _main(process: int, mark: str) -> None:
    with contextlib.suppress(OSError, AttributeError):  # the process has ended, or this isn't Linux
        select.select([os.pidfd_open(process)], [], [])
    stop(mark)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
