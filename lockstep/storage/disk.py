"""Checks of the disks that a run writes to, and what a full or read-only one is called."""

import errno
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from lockstep.errors import MachineError

FULL = {errno.ENOSPC, errno.EDQUOT}
# What NumPy raises if only a part of an array could be written; it has no errno.
SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")


def require_space(path: Path, size: int) -> None:
    """Raise MachineError if `path` can't be made `size` bytes long because its disk is too full."""
    free = shutil.disk_usage(existing(path)).free
    if free < size:
        raise MachineError(
            f"{_final(path)}: {os.strerror(errno.ENOSPC)}: {size:,} bytes are needed, "
            f"{free:,} are free; make room, and run again"
        )


def _final(path: Path) -> Path:
    """The path that a part of atomic_files will have in the end."""
    return Path(*(re.sub(r"^\.part-(scratch-)?", "", each) for each in path.parts))


def check_writable(paths: Iterable[Path]) -> None:
    """Raise MachineError for the first file or folder that can't be written to, or be created."""
    for path in paths:
        there = existing(path)
        if not os.access(there, os.W_OK):
            raise MachineError(f"{there}: not writable, expected to write results there")


def existing(path: Path) -> Path:
    """Return a path, or its nearest parent that exists."""
    return next(each for each in (path, *path.absolute().parents) if each.exists())


def explained(error: OSError, part: Path, path: Path) -> OSError:
    """Return the error of writing `path` by way of `part`: with the path, and the bytes needed."""
    if error.errno is None and SHORT_WRITE.search(str(error)):
        error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if error.errno not in FULL:
        error.filename = error.filename or str(path)
        return error
    free = shutil.disk_usage(existing(part)).free
    reason = f"{os.strerror(error.errno)}: more than {free + _bytes_in(part):,} bytes are needed"
    return OSError(error.errno, f"{reason}, {free:,} are free; make room", str(path))


def freed_bytes(path: Path) -> int:
    """Return how many bytes are free once a file or folder is removed.

    Files that have another name elsewhere, as hard links, aren't counted.
    """
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    found = (each.lstat() for each in ([path] if path.is_file() else files))
    return sum(each.st_size for each in found if each.st_nlink == 1)


def _bytes_in(part: Path) -> int:
    files = part.rglob("*") if part.is_dir() else (part,)
    return sum(each.stat().st_size for each in files if each.is_file())
