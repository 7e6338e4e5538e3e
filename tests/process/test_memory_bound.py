"""The sizes of blocks follow a bound, in all threads, as long as it holds."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lockstep.process.memory_bound import THREAD_BYTES, bounded, within


def test_blocks_are_smaller_within_a_bound_and_never_larger_than_usual() -> None:
    threads = len(os.sched_getaffinity(0))
    whole = threads * THREAD_BYTES // 2**20
    with within(whole // 4):
        assert bounded(2**24) == 2**22
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(bounded, 2**24).result() == 2**22
        with within(10 * whole):
            assert bounded(2**24) == 2**24
        assert bounded(3) == 1
    assert bounded(2**24) == 2**24


def test_a_bound_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="x"), within(1):
        raise ValueError("x")
    assert bounded(100) == 100
