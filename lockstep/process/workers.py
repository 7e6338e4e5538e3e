"""Compute batches in this process, or in several ones where that is sooner."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

from lockstep.errors import MachineError

Batch = TypeVar("Batch")
Result = TypeVar("Result")
TRIAL_SECONDS = 1.0  # of computing in this process, to estimate the rest
START_SECONDS = 2.0  # what the start of processes may take, with their imports
_executors: list[Executor] = []  # of other machines, the last one in use


@contextmanager
def computed_by(executor: Executor) -> Iterator[None]:
    """Let an executor compute the batches of all Workers inside this block."""
    _executors.append(executor)
    try:
        yield
    finally:
        _executors.remove(executor)


class Workers:
    """Processes that compute batches, as long as the `with` block lasts.

    `what` says what they do, in the error for one that was killed. `count` is their number; None
    takes one for each core, but none as long as this process alone is sooner done.
    """

    def __init__(self, what: str, count: int | None = None) -> None:
        self.what, self._always = what, count is not None
        self._count = count or len(os.sched_getaffinity(0))
        self._pool: Executor | None = _executors[-1] if _executors else None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *raised: object) -> None:
        if self._pool and self._pool not in _executors:
            self._pool.shutdown(cancel_futures=True)

    def run(
        self, compute: Callable[[Batch], Result], batches: Sequence[Batch]
    ) -> Iterator[tuple[int, Result]]:
        """Yield the number of each batch with its result, in any order.

        `compute` must be a function of a module, or a partial of one.
        """
        start = time.monotonic()
        for number, batch in enumerate(batches):
            if self._pays(time.monotonic() - start, number, len(batches)):
                yield from self._in_processes(compute, batches, number)
                return
            yield number, compute(batch)

    def _pays(self, spent: float, done: int, total: int) -> bool:
        """Whether processes would compute the rest sooner, by the time spent so far."""
        if self._pool or self._count == 1 or self._always:
            return self._pool is not None or self._count > 1
        left = spent / max(done, 1) * (total - done)
        return spent >= TRIAL_SECONDS and left - left / self._count > START_SECONDS

    def _in_processes(
        self, compute: Callable[[Batch], Result], batches: Sequence[Batch], first: int
    ) -> Iterator[tuple[int, Result]]:
        # Spawned: a fork of a process in which TensorFlow has threads may hang.
        self._pool = self._pool or ProcessPoolExecutor(
            self._count, get_context("spawn"), _end_with_parent
        )
        try:
            running = {
                self._pool.submit(compute, batches[number]): number
                for number in range(first, len(batches))
            }
            for each in as_completed(running):
                # A result isn't kept: all of them may be larger than memory.
                yield running.pop(each), each.result()
        except BrokenProcessPool:
            raise MachineError(
                f"a process that {self.what} was killed, perhaps for lack of memory; run again, or "
                "with fewer CPUs (taskset)"
            ) from None


def _end_with_parent() -> None:
    """End this process with its parent, which may be killed and then couldn't end it."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
