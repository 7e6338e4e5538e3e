"""Stops all processes with a mark in their environment when the process that set it has ended.

This also works after kill -9. The processes that a worker starts have their own sessions, so a
signal to a process group doesn't reach all of them.
"""

import contextlib
import os
import select
import subprocess
import sys

from lockstep.process import by_environment
from lockstep.process.environment import python_module

NAME = "LOCKSTEP_UP"  # the environment variable that every descendant inherits


def watch(mark: str) -> None:
    """Start a process that stops the marked processes when this process has ended."""
    command = python_module("pipelines.servers.orphan_killer", str(os.getpid()), mark)
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def stop(mark: str, *entries: str) -> None:
    """Stop the marked processes, or those of them whose environment has these entries too."""
    by_environment.stop(lambda: by_environment.processes_with(f"{NAME}={mark}", *entries))


def _main(process: int, mark: str) -> None:
    with contextlib.suppress(OSError, AttributeError):  # the process has ended, or this isn't Linux
        select.select([os.pidfd_open(process)], [], [])
    stop(mark)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
