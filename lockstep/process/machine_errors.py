"""Failures of this machine, such as a full disk, behind the errors of libraries."""

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from lockstep.errors import LockstepError, MachineError
from lockstep.storage.disk import FULL

# The OSErrors that are reported as a MachineError; others keep their traceback.
MACHINE = {*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
FOR_SURE = {*FULL, errno.EROFS, errno.ENOMEM}  # also as the cause of another error
# Some libraries have only the words: TensorFlow, HDF5, and SQLite.
WORDS = (os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), os.strerror(errno.EROFS))
SQLITE = ("database or disk is full", "attempt to write a readonly database")
FREE_IT = "use smaller data or a smaller batch, or a machine with more memory"
PATH = re.compile(r"/[^\s;:'\"]*[^\s;:'\",.)]")


def machine_error(error: BaseException, place: Path | str | None) -> MachineError | None:
    """Return the MachineError that explains an error or one of its causes, or None.

    `place` is named if the error doesn't say which file couldn't be written; None if no place is
    known.
    """
    for each in _causes(error):
        if isinstance(each, LockstepError):
            return each if isinstance(each, MachineError) else None
        if isinstance(each, MemoryError):
            return MachineError(f"too little memory: {each or 'an allocation failed'}; {FREE_IT}")
        if isinstance(each, OSError) and each.errno in (MACHINE if each is error else FOR_SURE):
            return _of_system(each, each.errno, place)
        found = machine_problem(str(each))
        if found:
            path = _path_in(str(each)) or place or "a file"
            return MachineError(f"{path}: {found}; make room, and run again")
    return None


def machine_problem(text: str) -> str:
    """Return the words for a full or read-only disk in a library's message, or an empty text."""
    return next((each for each in (*WORDS, *SQLITE) if each in text), "")


def _of_system(error: OSError, number: int, place: Path | str | None) -> MachineError:
    if number == errno.ENOMEM:
        return MachineError(f"too little memory: {error.strerror}; {FREE_IT}")
    # Of a copy it is the target that can't be written.
    of_disk = number in {*FULL, errno.EROFS}
    path = (of_disk and error.filename2) or error.filename or (of_disk and place) or ""
    words = str(error.strerror or "")
    # HDF5 has many details in place of the system's words.
    reason = words if os.strerror(number) == words[: len(os.strerror(number))] else ""
    return MachineError(f"{path}: {reason or os.strerror(number)}".removeprefix(": "))


def _path_in(text: str) -> str:
    """The first path in a library's message, or an empty text; SQLite's has values of the query."""
    found = None if any(each in text for each in SQLITE) else PATH.search(text)
    return found[0] if found else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what led to it; libraries that raise errors again can close the chain."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
