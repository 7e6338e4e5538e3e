"""Open the bytes at an address: of a server, of an installed package, or of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lockstep.errors import DataError

CHUNK = 1 << 16


@dataclass(frozen=True)
class Source:
    """The bytes that an address gives, from the position `start` of the file."""

    address: str
    chunks: Iterator[bytes]
    start: int = 0
    length: int | None = None  # of the bytes that follow, if it is known
    validator: str = ""  # by which a server knows this version of the file again
    content_type: str = ""
    is_remote: bool = False

    @property
    def kind(self) -> str:
        """The content type in brackets, for messages."""
        return f" ({self.content_type})" if self.content_type else ""


@contextmanager
def open_source(address: str, start: int = 0, validator: str = "") -> Iterator[Source]:
    """Yield the source of an address; raises LockstepError if it has none.

    A server is asked for the bytes from `start` on, of the version that `validator` names. The
    source begins at 0 if it has another one, or only whole files.
    """
    if urlsplit(address).scheme in ("http", "https"):
        from lockstep.data.fetch.http import open_http  # takes 0.3 s to import

        with open_http(address, start, validator) as source:
            yield source
        return
    path = _local(address)
    try:
        with path.open("rb") as file:
            yield Source(address, iter(lambda: file.read(CHUNK), b""))
    except FileNotFoundError:
        raise DataError(f"{address}: no such file, expected it to be there") from None


def _local(address: str) -> Path:
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme == "package":  # package://DISTRIBUTION/PATH
        return Path(str(metadata.distribution(parts.netloc).locate_file(parts.path[1:])))
    return Path(address)
