"""Refuse hosts on this machine or on a private network, where a redirect must not lead."""

import ipaddress
import socket
from typing import Any
from urllib.request import getproxies

from lockstep.errors import DataError


def check_public(address: str, host: str) -> None:
    """Raise DataError if one of a host's IP addresses isn't public.

    Nothing is said of a host that can't be resolved here, as behind a proxy.
    """
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return
    for *_, (ip, *_) in found:
        if not is_public(str(ip)):
            raise _private(address, host, str(ip))


def check_peer(address: str, event: str, info: dict[str, Any]) -> None:
    """Raise DataError before a request is sent if the connection isn't to a public address.

    By then the host's name may have been resolved to another one. httpx calls this. A proxy's
    address says nothing of the host's.
    """
    if event != "connection.connect_tcp.complete" or getproxies():
        return
    ip = str(info["return_value"].get_extra_info("server_addr")[0])
    if not is_public(ip):
        info["return_value"].close()
        raise _private(address, address, ip)


def is_public(ip: str) -> bool:
    """Return whether an IP address is one of the internet."""
    found = ipaddress.ip_address(ip.partition("%")[0])
    inner = (found.ipv4_mapped or found.sixtofour) if found.version == 6 else None
    return (inner or found).is_global and not found.is_multicast


def _private(address: str, host: str, ip: str) -> DataError:
    return DataError(
        f"{address}: redirected to {host}, which is {ip} on this machine or a private network, "
        "expected a public host; to use that one, set data.mirror to its address"
    )
