"""What can go wrong with a download, by what is done about it."""

from lockstep.errors import DataError, UnavailableError


class BusyError(UnavailableError):
    """The server asks for a retry, after `seconds` if it says so."""

    def __init__(self, message: str, seconds: float = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


class IncompleteError(DataError):
    """Fewer bytes than expected: a broken connection or another file, so it is tried again."""


class RestartError(IncompleteError):
    """What is there of the file can't be completed: the next attempt begins anew."""


class SlowError(UnavailableError):
    """Too few bytes a second; tried again only by the runner, after a pause."""
