"""Errors for files that can't be read as pictures: one file, or all of a set."""

from pathlib import Path

from lockstep.errors import DataError

NAMED = 3  # files that a line names


class UnreadableError(DataError):
    """A file that can't be read as a picture."""


class UnreadableFiles(DataError):
    """All files of a set that can't be read: each path with what is wrong with it."""

    def __init__(self, faults: dict[Path, str], total: int) -> None:
        first = "; ".join(list(faults.values())[:NAMED])
        count = f"{len(faults)} of {total} files can't be read: " if len(faults) > 1 else ""
        more = "; ..." if len(faults) > NAMED else ""
        super().__init__(
            f"{count}{first}{more}; or set data.skip_unreadable: true to leave out such files"
        )
        self.faults = faults
