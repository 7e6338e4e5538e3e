"""Find this user's processes by the environment that they were started with, and stop them."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

STOP_LIMIT_SECONDS = 10


def processes_with(*wanted: str) -> list[int]:
    """Return the ids of processes whose environment has all of these entries.

    An entry is `NAME=value`, or `NAME=` for any value. Processes of other users can't be seen.
    """
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # it has ended, or belongs to another user
            entries = file.read_bytes().split(b"\0")
            if all(any(_matches(each, sought) for each in entries) for sought in wanted):
                found.append(int(file.parent.name))
    return found


def _matches(entry: bytes, sought: str) -> bool:
    given = sought.encode()
    return entry.startswith(given) if given.endswith(b"=") else entry == given


def stop(find: Callable[[], list[int]]) -> None:
    """Send SIGTERM to the processes that `find` returns, and wait until it returns none.

    After STOP_LIMIT_SECONDS they get SIGKILL.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in find():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + STOP_LIMIT_SECONDS
        while find() and time.monotonic() < deadline:
            time.sleep(0.1)
