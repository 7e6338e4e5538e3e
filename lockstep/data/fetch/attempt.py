"""One attempt to download a file, or what is missing of it, and to check it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from lockstep.data.fetch.failures import IncompleteError, RestartError
from lockstep.data.fetch.part import Part
from lockstep.data.fetch.sources import Source, open_source
from lockstep.data.readers.html_pages import is_page
from lockstep.errors import DataError, LockstepError
from lockstep.storage import disk

MAX_BYTES = 2**33  # of a file of unknown size
MD5_LENGTH = 32  # of its hex digits
BLOCK = 2**20


@dataclass(frozen=True)
class Expected:
    """The size and the md5 or sha256 that a file should have; None if it isn't known."""

    size: int | None
    digest: str | None

    @property
    def kind(self) -> str:
        """The name of the digest."""
        return "md5" if self.digest and len(self.digest) == MD5_LENGTH else "sha256"

    @property
    def max_bytes(self) -> int:
        """The most bytes that are taken."""
        return MAX_BYTES if self.size is None else self.size

    def hasher(self) -> Any:
        """Return an empty digest."""
        return hashlib.new(self.kind, usedforsecurity=False)

    def fits(self, path: Path) -> bool:
        """Return whether a file has the size and the digest."""
        if self.size not in (None, path.stat().st_size):
            return False
        with path.open("rb") as file:
            return self.digest in (None, hashlib.file_digest(file, self.hasher).hexdigest())


def attempt(part: Part, expected: Expected, on_bytes: Callable[[int], object]) -> None:
    """Download what is missing of a file, and check the whole; raises LockstepError."""
    start, validator = part.progress()
    if start and expected.size is not None and start >= expected.size:
        if expected.fits(part.path):
            return  # its process was killed before it could give it its name
        start, validator = 0, ""
    counted = _Counted(on_bytes)
    try:
        with open_source(part.address, start, validator) as source:
            _check_length(part, source, expected)
            with part.open(source.start, source.validator) as file:
                found = _copy(source, file, expected, counted)
        _check(part, source, expected, found, counted.count)
    except LockstepError as error:
        on_bytes(-counted.count)
        if isinstance(error, RestartError):
            part.remove()
        raise


class _Counted:
    """Adds up the bytes that `on_bytes` was told of."""

    def __init__(self, on_bytes: Callable[[int], object]) -> None:
        self.on_bytes, self.count = on_bytes, 0

    def add(self, count: int) -> None:
        self.count += count
        self.on_bytes(count)


def _check_length(part: Part, source: Source, expected: Expected) -> None:
    """Refuse a body that says it is too long, before it arrives; and one larger than the disk."""
    if source.length is None:
        return
    if source.start + source.length > expected.max_bytes:
        raise _too_long(source, expected)
    disk.require_space(part.path, source.length)


def _too_long(source: Source, expected: Expected) -> DataError:
    return DataError(
        f"{source.address}: more than the {expected.max_bytes} bytes expected{source.kind}"
    )


def _copy(source: Source, file: BinaryIO, expected: Expected, counted: _Counted) -> str:
    """Write what arrives, and return the digest of the whole file."""
    found = expected.hasher()
    while counted.count < source.start:
        block = file.read(min(source.start - counted.count, BLOCK))
        if not block:
            raise RestartError(f"{source.address}: the start of the file isn't there any more")
        found.update(block)
        counted.add(len(block))
    file.truncate()
    for chunk in source.chunks:
        if counted.count == 0 and is_page(chunk):
            raise DataError(
                f"{source.address}: got an HTML page{source.kind}, expected the file; the server "
                "may need a sign-in"
            )
        counted.add(len(chunk))
        if counted.count > expected.max_bytes:
            raise _too_long(source, expected)
        found.update(chunk)
        file.write(chunk)
    return str(found.hexdigest())


def _check(part: Part, source: Source, expected: Expected, found: str, count: int) -> None:
    if expected.size is not None and count < expected.size:
        raise IncompleteError(
            f"{source.address}: {count} bytes{source.kind}, expected {expected.size}"
        )
    if expected.digest in (None, found):
        return
    line = f"{source.address}: got {expected.kind} {found}{source.kind}, expected {expected.digest}"
    if source.start:  # what was there may be at fault
        raise RestartError(line)
    raise DataError(f"{line}; kept as {part.set_aside()}" if source.is_remote else line)
