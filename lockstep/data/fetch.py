"""Fetching one file, whose size and sha256 are known before a byte of it arrives.

Of a file whose publisher gives none, they are noted the first time, and hold from then on.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from lockstep.errors import DataError, LockstepError, UnavailableError

CHUNK = 1 << 16
CONNECT_SECONDS = 10
READ_SECONDS = 20
SLOWEST = 20_000  # bytes a second; a server that only trickles is given up on
GRACE_SECONDS = 30
ATTEMPTS = 4
REDIRECTS = 3
MOST_BYTES = 2**33  # of a file whose size nobody knows
BUSY = {429, 500, 502, 503, 504}


class _Busy(UnavailableError):
    """The server asks to be called again later."""

    def __init__(self, message: str, seconds: float = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Cut(DataError):
    """Fewer bytes than expected: cut off on the way, or another file. The next attempt tells."""


def fetch_file(
    addresses: tuple[str, ...],
    name: str,
    path: Path,
    size: int | None,
    sha256: str | None,
    arrived: Callable[[int], object] = lambda count: None,
) -> None:
    """Write to `path` the file `name` from the first address that has it, `size` bytes long.

    None: any size up to MOST_BYTES, any sha256.

    Calls `arrived` with the number of bytes of each piece. Raises DataError when the addresses
    have other bytes, UnavailableError when none can be reached; `path` is to be thrown away then.
    """
    problems: list[LockstepError] = []
    for address in addresses:
        try:
            return _retrying()(_copy, address + name, path, size, sha256, arrived)
        except LockstepError as error:
            problems.append(error)
    wrong = [problem for problem in problems if isinstance(problem, DataError)]
    raise (wrong or problems)[0]


def _retrying() -> Retrying:
    backoff = wait_exponential_jitter(multiplier=0.5, max=20, jitter=0.5)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.seconds if isinstance(error, _Busy) else 0
        return max(backoff(state), min(asked, 60))

    kinds = retry_if_exception_type((UnavailableError, _Cut))
    return Retrying(retry=kinds, stop=stop_after_attempt(ATTEMPTS), wait=wait, reraise=True)


def _copy(
    address: str,
    path: Path,
    size: int | None,
    sha256: str | None,
    arrived: Callable[[int], object],
) -> None:
    digest, count = hashlib.sha256(), 0
    most = MOST_BYTES if size is None else size
    try:
        with _open(address) as (pieces, kind), path.open("wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
                arrived(len(piece))
                count += len(piece)
                if count > most:
                    raise DataError(f"{address}: more than the {most} bytes expected{kind}")
        if size is not None and count < size:
            raise _Cut(f"{address}: {count} bytes{kind}, expected {size}")
        if sha256 not in (None, digest.hexdigest()):
            got = f"sha256 {digest.hexdigest()}{kind}"
            raise DataError(f"{address}: got {got}, expected {sha256}")
    except LockstepError:
        arrived(-count)
        raise


@contextmanager
def _open(address: str) -> Iterator[tuple[Iterator[bytes], str]]:
    """Yield the address's bytes, and what kind of thing it says they are."""
    scheme = urlsplit(address).scheme
    if scheme in ("http", "https"):
        with _open_http(address) as opened:
            yield opened
        return
    try:
        with _local(address).open("rb") as file:
            yield iter(lambda: file.read(CHUNK), b""), ""
    except FileNotFoundError:
        raise DataError(f"{address}: no such file, expected it to be there") from None


def _local(address: str) -> Path:
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme == "package":  # package://DISTRIBUTION/path/in/it
        return Path(str(metadata.distribution(parts.netloc).locate_file(parts.path[1:])))
    return Path(address)


@contextmanager
def _open_http(address: str) -> Iterator[tuple[Iterator[bytes], str]]:
    deadlines = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    # Bytes as they are stored: a .gz must not be unpacked on the way.
    headers = {"accept-encoding": "identity"}
    try:
        with httpx.Client(timeout=deadlines, headers=headers) as client:
            response = _follow(client, address)
            try:
                _demand_ok(address, response)
                kind = response.headers.get("content-type", "").partition(";")[0]
                yield _in_time(address, response), f" ({kind})" if kind else ""
            finally:
                response.close()
    except httpx.RemoteProtocolError as error:
        raise _Cut(f"{address}: {error}") from None
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise UnavailableError(f"{address}: {error or type(error).__name__}") from None


def _follow(client: httpx.Client, address: str) -> httpx.Response:
    """Open an address, going along with redirects to https or on the same host."""
    here = address
    for _ in range(REDIRECTS + 1):
        response = client.send(client.build_request("GET", here), stream=True)
        if not response.has_redirect_location:
            return response
        response.close()
        there = urljoin(here, response.headers["location"])
        same_host = urlsplit(there)[:2] == urlsplit(here)[:2]
        if not same_host and urlsplit(there).scheme != "https":
            raise DataError(f"{address}: redirected to {there}, expected https or the same host")
        here = there
    raise DataError(f"{address}: more than {REDIRECTS} redirects")


def _demand_ok(address: str, response: httpx.Response) -> None:
    if response.status_code in BUSY:
        after = response.headers.get("retry-after", "")
        seconds = float(after) if after.isdigit() else 0
        raise _Busy(f"{address}: the server answers {response.status_code}", seconds)
    if response.status_code != httpx.codes.OK:
        raise DataError(f"{address}: the server answers {response.status_code}, expected the file")


def _in_time(address: str, response: httpx.Response) -> Iterator[bytes]:
    started, count = time.monotonic(), 0
    for piece in response.iter_raw(CHUNK):
        yield piece
        count += len(piece)
        if time.monotonic() - started > GRACE_SECONDS + count / SLOWEST:
            raise UnavailableError(f"{address}: under {SLOWEST} bytes a second, given up")
