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
from collections.abc import Iterator
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


def orphaned(main: Path) -> dict[str, list[int]]:
    """Return the processes that work in a checkout, by mark, which no such process will stop."""
    watched = {
        arguments[-1] for arguments in map(_command_of, _processes()) if _is_killer(arguments)
    }
    found: dict[str, list[int]] = {}
    for process in _processes():
        mark = _mark_of(process)
        if mark and mark not in watched and _works_in(process, main):
            found.setdefault(mark, []).append(process)
    return found


def _processes() -> Iterator[int]:
    return (int(each.name) for each in Path("/proc").glob("[0-9]*"))


def _command_of(process: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace").split("\0")[:-1]
    return []


def _is_killer(arguments: list[str]) -> bool:
    return "pipelines.servers.orphan_killer" in arguments[:-2]


def _mark_of(process: int) -> str:
    with contextlib.suppress(OSError):  # the process has ended, or belongs to another user
        for each in Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
            if each.startswith(f"{NAME}=".encode()):
                return each.decode().partition("=")[2]
    return ""


def _works_in(process: int, main: Path) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cwd").readlink().is_relative_to(main.resolve())
    return False


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
