"""Another network for the test's thread and the processes that it starts."""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator

CLONE_NEWNET = 0x40000000  # of sched.h
LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Move this thread to a new network; afterwards it is in the one where it was.

    In it every port is free, and nothing is reached but this machine's loopback.
    """
    with _back_afterwards():
        check(LIBC.unshare(CLONE_NEWNET))
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield


@contextlib.contextmanager
def network_of(name: str) -> Iterator[None]:
    """Move this thread to the network of a namespace of `ip netns`."""
    with _back_afterwards():
        entered = os.open(f"/run/netns/{name}", os.O_RDONLY)
        check(LIBC.setns(entered, CLONE_NEWNET))
        os.close(entered)
        yield


@contextlib.contextmanager
def _back_afterwards() -> Iterator[None]:
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        yield
    finally:
        check(LIBC.setns(before, CLONE_NEWNET))
        os.close(before)


def check(code: int) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
