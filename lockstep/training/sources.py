"""Where the loop's examples lie: on the devices, or in files from which they stream.

Both give the same batches in the same order, so the same bits.
"""

import mmap
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples
from lockstep.runtime.replicas import put_on_replicas, share_of_replica

# Of the arrays that stream for one graph call; the next call's are read meanwhile.
STREAM_BYTES = 64 * 2**20
# Of a mapped file's examples that are read before its pages are given back: each brings along up to
# 64 KiB around it.
ROWS = 256
# Of arrays that lie on a GPU beside the model, where nobody has measured what is free.
GPU_BYTES = 4 * 2**30


class Call(NamedTuple):
    """What one graph call works on."""

    start: int  # the number of its first step in the epoch
    count: tf.Tensor  # how many steps; further rows of the order aren't used
    order: Any  # on each replica: which of the data is where, (rows, share of the batch)
    data: Any  # on each replica: the arrays


class Resident:
    """Examples that lie on the device of each replica."""

    def __init__(self, strategy: tf.distribute.Strategy, examples: Examples) -> None:
        self.strategy, self.count = strategy, examples.size
        self.data = put_on_replicas(strategy, lambda _: examples.arrays)

    def calls(self, order: np.ndarray, size: int) -> Iterator[Call]:
        """Cut the rows of an order, (steps, batch), into calls of `size` steps."""
        for start, rows in _cut(order, size):
            yield Call(start, tf.constant(len(rows)), self._order(_pad(rows, size)), self.data)

    def _order(self, rows: np.ndarray) -> Any:
        shares = put_on_replicas(
            self.strategy, lambda replica: (share_of_replica(self.strategy, rows, replica),)
        )
        return shares[0]


class Stream:
    """Examples that are read from arrays on disk, one call ahead, by each replica its share."""

    def __init__(self, strategy: tf.distribute.Strategy, examples: Examples) -> None:
        self.strategy, self.count = strategy, examples.size
        self.examples = examples
        self._bytes = sum(array.dtype.itemsize * array[0].size for array in examples.arrays)

    def calls(self, order: np.ndarray, size: int) -> Iterator[Call]:
        """Cut the rows of an order into calls of `size` steps, or as many as STREAM_BYTES hold."""
        if not len(order):
            return
        size = max(1, min(size, STREAM_BYTES // (self._bytes * order.shape[1])))
        pieces = list(_cut(order, size))
        with ThreadPoolExecutor(1, thread_name_prefix="stream") as ahead:
            following = ahead.submit(self._call, *pieces[0], size)
            for piece in [*pieces[1:], None]:
                call = following.result()
                if piece:
                    following = ahead.submit(self._call, *piece, size)
                yield call

    def _call(self, start: int, rows: np.ndarray, size: int) -> Call:
        def share(replica: int) -> tuple[np.ndarray, ...]:
            mine = share_of_replica(self.strategy, rows, replica)
            places = np.arange(size * mine.shape[1], dtype=np.int32).reshape(size, -1)
            return (places, *(_taken(each, mine.ravel(), places.size) for each in arrays))

        arrays = self.examples.arrays
        order, *data = put_on_replicas(self.strategy, share)
        return Call(start, tf.constant(len(rows)), order, tuple(data))


def choose_source(
    residency: str, sizes: Iterable[int], replicas: int, kind: str
) -> type[Resident] | type[Stream]:
    """Return where arrays of these sizes, in bytes, lie: device, stream, or auto by their sum.

    On a CPU a copy for each replica may take half of the memory that is free.
    """
    if residency == "auto":
        most = _free_memory() // 2 if kind == "CPU" else GPU_BYTES
        copies = replicas if kind == "CPU" else 1
        residency = "device" if sum(sizes) * copies <= most else "stream"
    return Resident if residency == "device" else Stream


def _free_memory() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (available,) = (line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return int(available) * 1024


def _cut(order: np.ndarray, size: int) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(order), size):
        yield start, order[start : start + size]


def _pad(rows: np.ndarray, size: int) -> np.ndarray:
    """All calls have as many rows, so that one graph serves them."""
    return np.pad(rows, ((0, size - len(rows)), (0, 0)))


def _taken(array: np.ndarray, indices: np.ndarray, size: int) -> np.ndarray:
    """The examples of these indices, and nothing up to `size` of them."""
    taken = np.zeros((size, *array.shape[1:]), array.dtype)
    # In the order of the file, which a disk likes better; put where they belong.
    by_place = np.argsort(indices, kind="stable")
    for start in range(0, len(by_place), ROWS):
        some = by_place[start : start + ROWS]
        taken[some] = array[indices[some]]
        _let_go(array)
    return taken


def _let_go(array: np.ndarray) -> None:
    """Give the pages of a mapped file back, or memory would grow to the file's size."""
    mapped = getattr(array, "_mmap", None)
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_DONTNEED)
