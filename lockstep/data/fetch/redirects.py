"""Follow redirects, of which only some are allowed."""

from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from lockstep.data.fetch.deadlines import Deadline
from lockstep.data.fetch.public_hosts import check_peer, check_public
from lockstep.errors import DataError

REDIRECTS = 3


def follow(client: httpx.Client, address: str, deadline: Deadline) -> httpx.Response:
    """Open an address, following redirects to the same scheme and host, or to public https ones.

    So a server that is given may be on a private network, but no other one can lead there.
    """
    here, elsewhere = address, False
    for _ in range(REDIRECTS + 1):
        response = _send(client, here, deadline, elsewhere=elsewhere)
        if not response.has_redirect_location:
            return response
        response.close()
        there = urljoin(here, response.headers["location"])
        if urlsplit(there)[:2] != urlsplit(here)[:2]:
            elsewhere = True
            _check(address, there)
        here = there
    raise DataError(f"{address}: more than {REDIRECTS} redirects")


def _check(address: str, there: str) -> None:
    parts = urlsplit(there)
    if parts.scheme != "https" or not parts.hostname:
        raise DataError(f"{address}: redirected to {there}, expected https or the same host")
    check_public(address, parts.hostname)


def _send(
    client: httpx.Client, here: str, deadline: Deadline, *, elsewhere: bool
) -> httpx.Response:
    def trace(event: str, info: dict[str, Any]) -> None:
        deadline.trace(event, info)
        if elsewhere:
            check_peer(here, event, info)

    request = client.build_request("GET", here, extensions={"trace": trace})
    return client.send(request, stream=True)
