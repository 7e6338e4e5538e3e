"""Loaded by every Python process of a test: refuses network access and forbidden imports.

Only loopback is allowed, and LOCKSTEP_REACHABLE: addresses in a test's own namespaces. An attempt
is also written to the file LOCKSTEP_ATTEMPTS, since a library may swallow the error.
LOCKSTEP_FORBIDDEN names modules that may not be imported.
"""

import os
import sys

LOCAL = {"", "localhost", "127.0.0.1", "::1", "0.0.0.0", None, os.uname().nodename}  # noqa: S104
LOCAL |= set(os.environ.get("LOCKSTEP_REACHABLE", "").split(","))
forbidden = set(filter(None, os.environ.get("LOCKSTEP_FORBIDDEN", "").split(",")))


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect":
        address = arguments[1]
        refuse_unless_local(event, address[0] if isinstance(address, tuple) else None)
    elif event == "socket.getaddrinfo":
        host = arguments[0]
        refuse_unless_local(event, host.decode() if isinstance(host, bytes) else host)
    elif event == "import" and arguments[0] in forbidden:
        raise ImportError(f"{arguments[0]} may not be imported here")


def refuse_unless_local(event: str, host: object) -> None:
    if host not in LOCAL:
        with open(os.environ["LOCKSTEP_ATTEMPTS"], "a") as attempts:  # noqa: PTH123  # pathlib is slow
            attempts.write(f"{sys.argv[:1]} {event} {host}\n")
        raise OSError(f"{event} to {host}: tests have no network")


if os.environ.get("LOCKSTEP_ATTEMPTS"):
    sys.addaudithook(watch)
