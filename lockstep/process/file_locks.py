"""Locks that processes of this machine wait for, and for whom they wait."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lockstep.process import commands, console

TOLD_AFTER_SECONDS = 10.0


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock of a file during the block, after the process that has it now.

    A longer wait is told once: another one's download takes its time, and a process that was
    stopped by Ctrl+Z keeps its locks until it goes on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=TOLD_AFTER_SECONDS)
    except Timeout:
        console.say(f"waiting for {_holder(path)}, which holds {path}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Return whether a process has locked a file; the kernel releases the locks of killed ones."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _holder(path: Path) -> str:
    """The process that has locked a file, as far as the kernel tells."""
    pid = _pid_of_holder(path)
    if not pid or not (command := commands.command_of(pid)):
        return "another process"
    how = f", stopped (`kill -CONT {pid}` lets it go on)" if commands.is_stopped(pid) else ""
    return f"{commands.described(pid, command)}{how}"


def _pid_of_holder(path: Path) -> int:
    """The process of a lock's entry, as `1: FLOCK ADVISORY WRITE 123 fe:00:4567 0 EOF`, or 0."""
    try:
        at = path.stat()
        entries = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    except OSError:
        return 0
    file = f"{os.major(at.st_dev):02x}:{os.minor(at.st_dev):02x}:{at.st_ino}"
    return next((int(each[4]) for each in entries if each[5:6] == [file]), 0)
