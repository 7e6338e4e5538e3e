"""Hypothesis's settings for tests with broken files, and what such a test may end in.

LOCKSTEP_FUZZ_EXAMPLES is the number of examples for each test, drawn at random; without it they
are few, and always the same.
"""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings

from lockstep.errors import LONGEST, LockstepError

EXAMPLES = int(os.environ.get("LOCKSTEP_FUZZ_EXAMPLES", "0"))
SETTINGS = settings(
    derandomize=not EXAMPLES,
    max_examples=EXAMPLES or 60,
    database=None,
    deadline=timedelta(seconds=60),  # only what hangs takes as long
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def slow(usual: settings) -> settings:
    """A tenth of the examples, for tests of which each takes a second."""
    return settings(usual, max_examples=usual.max_examples // 10)


CODES = {2, 3, 4, 75}  # of errors that aren't bugs
MEMORY = 2**30  # bytes that reading a small file may add to the process; pictures took 804 MB


def ended(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the LockstepError that it ended in, of one line."""
    try:
        return call()
    except LockstepError as error:
        found = error
    assert found.exit_code in CODES
    line = str(found)
    assert line
    assert "\n" not in line
    assert len(line) <= LONGEST
    return found


@contextmanager
def bounded(folder: Path) -> Iterator[None]:
    """Fail if the block takes much memory, or writes anything beside a folder."""
    before, beside = _peak(), _names(folder)
    yield
    grown = _peak() - before
    assert grown < MEMORY, f"{grown:,} bytes"
    assert _names(folder) == beside


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _names(folder: Path) -> set[str]:
    return {each.name for each in folder.parent.iterdir()}
