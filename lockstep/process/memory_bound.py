"""How large blocks of data may be, so that all that are in memory at a time stay within a bound."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# What a thread has in memory of blocks of their usual sizes: some copies of one of 16 MiB.
THREAD_BYTES = 2**26


class _Bound:
    """What blocks may have of their usual sizes, in all threads of the process."""

    share = 1.0


@contextmanager
def within(memory_mb: int) -> Iterator[None]:
    """Make blocks so small that those of all threads take about so many MiB at most."""
    before, threads = _Bound.share, len(os.sched_getaffinity(0))
    _Bound.share = min(1.0, memory_mb * 2**20 / (THREAD_BYTES * threads))
    try:
        yield
    finally:
        _Bound.share = before


def bounded(usual: int) -> int:
    """Return the size of a block whose usual size is this, of any unit."""
    return max(1, int(usual * _Bound.share))
