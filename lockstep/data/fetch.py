"""Download one file, with retries, and check its size and sha256.

If its publisher gives no hash, `recorded_hashes` has the size and sha256 of the first download.
"""

import hashlib
import netrc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from lockstep.data.readers.html_pages import is_page
from lockstep.errors import DataError, LockstepError, MachineError, UnavailableError

CHUNK = 1 << 16
CONNECT_SECONDS = 10
READ_SECONDS = 20
MIN_BYTES_PER_SECOND = 20_000  # a slower server counts as unavailable
GRACE_SECONDS = 30  # on top of the time that MIN_BYTES_PER_SECOND allows
ATTEMPTS = 4
REDIRECTS = 3
MAX_BYTES = 2**33  # of a file of unknown size
BUSY = {429, 500, 502, 503, 504}


class _Busy(UnavailableError):
    """The server asks for a retry, after `seconds` if it says so."""

    def __init__(self, message: str, seconds: float = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


class _Incomplete(DataError):
    """Fewer bytes than expected: a broken connection or another file, so it is tried again."""


class _Slow(UnavailableError):
    """Too few bytes a second; tried again only by the runner, after a pause."""


def fetch_file(
    addresses: tuple[str, ...],
    name: str,
    path: Path,
    size: int | None,
    sha256: str | None,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> None:
    """Download `name` to `path` from the first address that has it, and check size and sha256.

    None accepts any sha256, and any size up to MAX_BYTES. Calls `on_bytes` with the length of each
    chunk, and with minus the total of a failed attempt. Raises DataError if an address has other
    content, UnavailableError if none can be reached; delete `path` then.
    """
    problems: list[LockstepError] = []
    for address in addresses:
        try:
            return _retrying()(_copy, address + name, path, size, sha256, on_bytes)
        except LockstepError as error:
            problems.append(error)
    wrong = [problem for problem in problems if isinstance(problem, DataError)]
    raise (wrong or problems)[0]


def _retrying() -> Retrying:
    backoff = wait_exponential_jitter(multiplier=0.5, max=20, jitter=0.5)

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        retry_after = error.seconds if isinstance(error, _Busy) else 0
        return max(backoff(state), min(retry_after, 60))

    retry = retry_if_exception(
        lambda error: (
            isinstance(error, (UnavailableError, _Incomplete)) and not isinstance(error, _Slow)
        )
    )
    return Retrying(retry=retry, stop=stop_after_attempt(ATTEMPTS), wait=wait, reraise=True)


def _copy(
    address: str,
    path: Path,
    size: int | None,
    sha256: str | None,
    on_bytes: Callable[[int], object],
) -> None:
    digest, count = hashlib.sha256(), 0
    max_bytes = MAX_BYTES if size is None else size
    try:
        with _open(address) as (chunks, content_type), path.open("wb") as file:
            for chunk in chunks:
                if count == 0 and is_page(chunk):
                    raise DataError(
                        f"{address}: got an HTML page{content_type}, expected the file; the "
                        "server may need a sign-in"
                    )
                digest.update(chunk)
                file.write(chunk)
                on_bytes(len(chunk))
                count += len(chunk)
                if count > max_bytes:
                    raise DataError(
                        f"{address}: more than the {max_bytes} bytes expected{content_type}"
                    )
        if size is not None and count < size:
            raise _Incomplete(f"{address}: {count} bytes{content_type}, expected {size}")
        if sha256 not in (None, digest.hexdigest()):
            got = f"sha256 {digest.hexdigest()}{content_type}"
            raise DataError(f"{address}: got {got}, expected {sha256}")
    except LockstepError:
        on_bytes(-count)
        raise


@contextmanager
def _open(address: str) -> Iterator[tuple[Iterator[bytes], str]]:
    """Yield the chunks at an address, and its content type for messages."""
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
    if parts.scheme == "package":  # package://DISTRIBUTION/PATH
        return Path(str(metadata.distribution(parts.netloc).locate_file(parts.path[1:])))
    return Path(address)


@contextmanager
def _open_http(address: str) -> Iterator[tuple[Iterator[bytes], str]]:
    deadlines = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    # The hash is of the file as stored, so the server must not compress it for the transfer.
    headers = {"accept-encoding": "identity"}
    try:
        with (
            httpx.Client(timeout=deadlines, headers=headers, auth=_credentials()) as client,
            _Deadline(address) as deadline,
        ):
            response = _follow(client, address, deadline)
            deadline.stop()
            try:
                _check_status(address, response)
                content_type = response.headers.get("content-type", "").partition(";")[0]
                yield _read_in_time(address, response), f" ({content_type})" if content_type else ""
            finally:
                response.close()
    except httpx.RemoteProtocolError as error:
        raise _Incomplete(f"{address}: {error}") from None
    except httpx.InvalidURL as error:
        raise DataError(f"{address}: not an address ({error})") from None
    except httpx.TransportError as error:
        raise UnavailableError(f"{address}: {error or type(error).__name__}") from None


def _credentials() -> httpx.Auth | None:
    """The user names and passwords of ~/.netrc, by host."""
    try:
        return httpx.NetRCAuth()
    except FileNotFoundError:
        return None
    except netrc.NetrcParseError as error:
        raise MachineError(f"~/.netrc: {error.msg} in line {error.lineno}") from None


class _Deadline:
    """Ends the connection of a server whose answer hasn't begun after GRACE_SECONDS.

    httpx limits only the time until the next bytes, and one byte of a header is enough for that.
    """

    def __init__(self, address: str) -> None:
        self.address, self.passed = address, False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(GRACE_SECONDS, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "_Deadline":
        self._timer.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()
        if self.passed and isinstance(error, httpx.TransportError):
            raise _Slow(f"{self.address}: no answer in {GRACE_SECONDS} s, gave up") from None

    def stop(self) -> None:
        """Stop counting: the answer has begun."""
        self._timer.cancel()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Take note of each connection; httpx calls this."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._sockets.append(info["return_value"].get_extra_info("socket"))

    def _end(self) -> None:
        self.passed = True
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _follow(client: httpx.Client, address: str, deadline: _Deadline) -> httpx.Response:
    """Open an address, following redirects to https or to the same scheme and host."""
    here = address
    for _ in range(REDIRECTS + 1):
        request = client.build_request("GET", here, extensions={"trace": deadline.trace})
        response = client.send(request, stream=True)
        if not response.has_redirect_location:
            return response
        response.close()
        there = urljoin(here, response.headers["location"])
        same_host = urlsplit(there)[:2] == urlsplit(here)[:2]
        if not same_host and urlsplit(there).scheme != "https":
            raise DataError(f"{address}: redirected to {there}, expected https or the same host")
        here = there
    raise DataError(f"{address}: more than {REDIRECTS} redirects")


def _check_status(address: str, response: httpx.Response) -> None:
    if response.status_code in BUSY:
        after = response.headers.get("retry-after", "")
        seconds = float(after) if after.isdigit() else 0
        raise _Busy(f"{address}: the server answers {response.status_code}", seconds)
    if response.status_code != httpx.codes.OK:
        raise DataError(f"{address}: the server answers {response.status_code}, expected the file")


def _read_in_time(address: str, response: httpx.Response) -> Iterator[bytes]:
    started, count = time.monotonic(), 0
    for chunk in response.iter_raw():  # as the bytes arrive: a whole CHUNK may take for ever
        yield chunk
        count += len(chunk)
        if time.monotonic() - started > GRACE_SECONDS + count / MIN_BYTES_PER_SECOND:
            raise _Slow(f"{address}: under {MIN_BYTES_PER_SECOND} bytes a second, gave up")
