"""Errors for files that can't be read as pictures: one file, or all of a set."""

from pathlib import Path

from lockstep.errors import DataError

NAMED = 3  # files that a line names


class UnreadableError(DataError):
    """A file that can't be read as a picture."""


class UnreadableFiles(DataError):
    """All files of a set that can't be read: each path with what is wrong with it."""

    def __init__(self, faults: dict[Path, str], total: int) -> None:
        first = "; ".join(list(faults.values())[:NAMED]) + "; ..." * (len(faults) > NAMED)
        self.summary = f"{len(faults)} of {total} files can't be read: {first}"
        shown = self.summary if len(faults) > 1 else first
        super().__init__(f"{shown}; or set data.skip_unreadable: true to leave out such files")
        self.faults = faults
