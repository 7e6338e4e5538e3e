"""Open a file of a web server: the whole, or the rest of a version of which there is a start."""

import netrc
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from lockstep.data.fetch import deadlines
from lockstep.data.fetch.deadlines import Deadline
from lockstep.data.fetch.failures import BusyError, IncompleteError, RestartError, SlowError
from lockstep.data.fetch.redirects import follow
from lockstep.data.fetch.sources import Source
from lockstep.errors import DataError, MachineError, UnavailableError

BUSY, RANGES = {429, 500, 502, 503, 504}, {206, 416}
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")


@contextmanager
def open_http(address: str, start: int, validator: str) -> Iterator[Source]:
    """Yield the source of an http or https address; raises LockstepError.

    User names and passwords are those of ~/.netrc.
    """
    # The digest is of the file as stored, so the server must not compress it for the transfer.
    headers = {"accept-encoding": "identity"}
    if start:
        headers |= {"range": f"bytes={start}-", "if-range": validator}
    timeout = httpx.Timeout(deadlines.READ_SECONDS, connect=deadlines.CONNECT_SECONDS)
    try:
        with (
            httpx.Client(timeout=timeout, headers=headers, auth=_credentials()) as client,
            Deadline(address) as deadline,
        ):
            response = follow(client, address, deadline)
            deadline.stop()
            try:
                yield _source(address, response, start)
            finally:
                response.close()
    except httpx.RemoteProtocolError as error:
        raise IncompleteError(f"{address}: {error}") from None
    except httpx.InvalidURL as error:
        raise DataError(f"{address}: not an address ({error})") from None
    except httpx.TransportError as error:
        raise UnavailableError(f"{address}: {error or type(error).__name__}") from None


def _credentials() -> httpx.Auth | None:
    try:
        return httpx.NetRCAuth()
    except FileNotFoundError:
        return None
    except netrc.NetrcParseError as error:
        raise MachineError(f"~/.netrc: {error.msg} in line {error.lineno}") from None


def _source(address: str, response: httpx.Response, start: int) -> Source:
    length = response.headers.get("content-length", "")
    return Source(
        address,
        _read_in_time(address, response),
        _start(address, response, start),
        int(length) if length.isdecimal() else None,
        _validator(response),
        response.headers.get("content-type", "").partition(";")[0],
        is_remote=True,
    )


def _start(address: str, response: httpx.Response, asked: int) -> int:
    """Return the position of the body's first byte; raises LockstepError if it isn't the file."""
    status = response.status_code
    if status in BUSY:
        after = response.headers.get("retry-after", "")
        seconds = float(after) if after.isdecimal() else 0
        raise BusyError(f"{address}: the server answers {status}", seconds)
    if status == httpx.codes.OK:
        return 0
    if asked and status in RANGES:
        got = response.headers.get("content-range", "none")
        found = CONTENT_RANGE.fullmatch(got)
        if status == httpx.codes.PARTIAL_CONTENT and found and int(found[1]) == asked:
            return asked
        raise RestartError(f"{address}: got the range {got}, expected the bytes from {asked}")
    raise DataError(f"{address}: the server answers {status}, expected the file")


def _validator(response: httpx.Response) -> str:
    """Return the ETag, unless it is weak, or the date of the last change."""
    found = str(response.headers.get("etag", "W/"))
    if found.startswith("W/"):
        found = str(response.headers.get("last-modified", ""))
    return found if found.isascii() and found.isprintable() else ""


def _read_in_time(address: str, response: httpx.Response) -> Iterator[bytes]:
    started, count = time.monotonic(), 0
    for chunk in response.iter_raw():  # as the bytes arrive: a whole chunk may take for ever
        yield chunk
        count += len(chunk)
        if time.monotonic() - started > deadlines.allowed(count):
            raise SlowError(
                f"{address}: under {deadlines.MIN_BYTES_PER_SECOND} bytes a second, gave up"
            )
