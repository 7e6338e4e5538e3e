"""One `lockstep run` at a time in a checkout; runs with overrides have their own."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lockstep.process import commands, file_locks
from lockstep.storage import atomic_files, layout
from lockstep.versioning import locks


@contextmanager
def held(root: Path) -> Iterator[None]:
    """Hold the lock of a checkout during the block.

    Raises UnavailableError, which names the holder, if another run or a DVC command is running.
    The kernel releases the lock of a process that was killed.
    """
    entry_file = root / layout.RUN_HOLDER
    entry_file.parent.mkdir(exist_ok=True)
    lock = FileLock(root / layout.RUN_LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise locks.in_use(root, _named(entry_file)) from None
    try:
        locks.check(root)
        entry = {"pid": os.getpid(), "command": " ".join(["lockstep", *sys.argv[1:]])}
        atomic_files.write_json(entry_file, entry)
        yield
    finally:
        lock.release()


def holder(root: Path) -> str:
    """Return the run or the DVC command that works in a checkout; empty if none does."""
    if file_locks.is_held(root / layout.RUN_LOCK):
        return _named(root / layout.RUN_HOLDER)
    return locks.holder(root)


def _named(entry_file: Path) -> str:
    if not entry_file.exists():  # it has only just started
        return "`lockstep run`"
    entry = atomic_files.read_json(entry_file)
    return commands.described(entry["pid"], entry["command"])
