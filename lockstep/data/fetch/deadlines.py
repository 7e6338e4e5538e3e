"""How long a server may take: to accept a connection, to begin its answer, and for each byte."""

import socket
import threading
from contextlib import suppress
from typing import Any

import httpx

from lockstep.data.fetch.failures import SlowError

CONNECT_SECONDS = 10
READ_SECONDS = 20
MIN_BYTES_PER_SECOND = 20_000  # a slower server counts as unavailable
GRACE_SECONDS = 30  # on top of the time that MIN_BYTES_PER_SECOND allows


def allowed(count: int) -> float:
    """Return the seconds that so many bytes may take."""
    return GRACE_SECONDS + count / MIN_BYTES_PER_SECOND


class Deadline:
    """Ends the connection of a server whose answer hasn't begun after GRACE_SECONDS.

    httpx limits only the time until the next bytes, and one byte of a header is enough for that.
    """

    def __init__(self, address: str) -> None:
        self.address, self.passed = address, False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(GRACE_SECONDS, self._end)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()
        if self.passed and isinstance(error, httpx.TransportError):
            raise SlowError(f"{self.address}: no answer in {GRACE_SECONDS} s, gave up") from None

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
