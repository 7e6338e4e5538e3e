"""A network of its own for the test's thread and the processes that it starts.

In it every port is free, and nothing is reached but this machine's loopback.
"""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator

CLONE_NEWNET = 0x40000000  # of sched.h
LIBC = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Move this thread to a new network; afterwards it is in the one where it was."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    check(LIBC.unshare(CLONE_NEWNET))
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        check(LIBC.setns(before, CLONE_NEWNET))
        os.close(before)


def check(code: int) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
