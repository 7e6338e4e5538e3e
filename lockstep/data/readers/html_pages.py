"""Recognizes an HTML page in place of data, such as a sign-in page saved under a file's name."""

from pathlib import Path

from lockstep.errors import DataError

STARTS = (b"<!doctype html", b"<html", b"<head", b"<?xml")
ENOUGH = 512  # bytes of a file or response to look at


def is_page(start: bytes) -> bool:
    """Return whether a file or response that starts like this is an HTML page."""
    return start[:ENOUGH].removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(STARTS)


def refuse_page(path: Path) -> None:
    """Raise DataError if a file is an HTML page."""
    with path.open("rb") as file:
        if is_page(file.read(ENOUGH)):
            raise DataError(f"{path}: got an HTML page, expected data; download the file itself")
