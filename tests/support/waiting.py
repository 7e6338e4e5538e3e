"""How long tests wait: only what hangs may reach a limit, on a slow and busy machine too."""

import time
from collections.abc import Callable
from typing import Any

SLOWEST = 5  # a machine may take this many times the seconds that a test names
LONG = 1000  # seconds that a command of a test may take


def until(found: Callable[[], Any], seconds: float, every: float = 0.2) -> Any:
    """Wait until a function returns something true; fails after SLOWEST times the seconds."""
    deadline = time.monotonic() + SLOWEST * seconds
    while not (value := found()):
        assert time.monotonic() < deadline
        time.sleep(every)
    return value
