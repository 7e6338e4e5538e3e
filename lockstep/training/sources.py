"""Where the loop reads its examples: from each device's memory, or from arrays on disk.

Both give the same batches in the same order, and so the same results, bit for bit.
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

# Most bytes that one graph call gets from disk; those of the next call are read meanwhile.
STREAM_BYTES = 64 * 2**20
# Examples to read from a memory-mapped file before its pages are released: each read also loads up
# to 64 KiB around the example.
ROWS_PER_RELEASE = 256
# Most bytes of arrays to put on a GPU beside the model; its free memory isn't measured.
GPU_BYTES = 4 * 2**30


class StepChunk(NamedTuple):
    """The steps of one graph call, and their data."""

    start: int  # index of the first step in the epoch
    count: tf.Tensor  # number of steps; the rows of `order` after these are padding
    order: Any  # per replica: indices into `data`, (rows, the replica's share of the batch)
    data: Any  # per replica: the arrays


class DeviceSource:
    """Keeps all examples in the memory of each replica's device."""

    def __init__(self, strategy: tf.distribute.Strategy, examples: Examples) -> None:
        self.strategy, self.count = strategy, examples.size
        self.data = put_on_replicas(strategy, lambda _: examples.arrays)

    def chunks(self, order: np.ndarray, size: int) -> Iterator[StepChunk]:
        """Split an order, (steps, batch), into chunks of `size` steps."""
        for start, rows in _split(order, size):
            yield StepChunk(start, tf.constant(len(rows)), self._order(_pad(rows, size)), self.data)

    def _order(self, rows: np.ndarray) -> Any:
        shares = put_on_replicas(
            self.strategy, lambda replica: (share_of_replica(self.strategy, rows, replica),)
        )
        return shares[0]


class DiskSource:
    """Reads each replica's share of the examples from arrays on disk, one graph call ahead."""

    def __init__(self, strategy: tf.distribute.Strategy, examples: Examples) -> None:
        self.strategy, self.count = strategy, examples.size
        self.examples = examples
        self._bytes = sum(array.dtype.itemsize * array[0].size for array in examples.arrays)

    def chunks(self, order: np.ndarray, size: int) -> Iterator[StepChunk]:
        """Split an order into chunks of `size` steps, or of as many as fit in STREAM_BYTES."""
        if not len(order):
            return
        size = max(1, min(size, STREAM_BYTES // (self._bytes * order.shape[1])))
        pieces = list(_split(order, size))
        with ThreadPoolExecutor(1, thread_name_prefix="stream") as ahead:
            following = ahead.submit(self._chunk, *pieces[0], size)
            for piece in [*pieces[1:], None]:
                chunk = following.result()
                if piece:
                    following = ahead.submit(self._chunk, *piece, size)
                yield chunk

    def _chunk(self, start: int, rows: np.ndarray, size: int) -> StepChunk:
        def share(replica: int) -> tuple[np.ndarray, ...]:
            mine = share_of_replica(self.strategy, rows, replica)
            positions = np.arange(size * mine.shape[1], dtype=np.int32).reshape(size, -1)
            return (positions, *(_read_rows(each, mine.ravel(), positions.size) for each in arrays))

        arrays = self.examples.arrays
        order, *data = put_on_replicas(self.strategy, share)
        return StepChunk(start, tf.constant(len(rows)), order, tuple(data))


def choose_source(
    data_placement: str, sizes: Iterable[int], replicas: int, kind: str
) -> type[DeviceSource] | type[DiskSource]:
    """Return the source for `data_placement`: device, disk, or auto, by arrays' sizes in bytes.

    On CPUs auto chooses the device if the copies of all replicas fit in half of the free memory.
    """
    if data_placement == "auto":
        limit = _free_memory() // 2 if kind == "CPU" else GPU_BYTES
        copies = replicas if kind == "CPU" else 1
        data_placement = "device" if sum(sizes) * copies <= limit else "disk"
    return DeviceSource if data_placement == "device" else DiskSource


def _free_memory() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    (available,) = (line.split()[1] for line in lines if line.startswith("MemAvailable"))
    return int(available) * 1024


def _split(order: np.ndarray, size: int) -> Iterator[tuple[int, np.ndarray]]:
    for start in range(0, len(order), size):
        yield start, order[start : start + size]


def _pad(rows: np.ndarray, size: int) -> np.ndarray:
    """Pad to `size` rows, so that one traced graph serves all chunks."""
    return np.pad(rows, ((0, size - len(rows)), (0, 0)))


def _read_rows(array: np.ndarray, indices: np.ndarray, size: int) -> np.ndarray:
    """Return the examples at these indices, padded with zeros to `size`."""
    rows = np.zeros((size, *array.shape[1:]), array.dtype)
    # Reads in file order are faster; each row is stored at its position in `indices`.
    in_file_order = np.argsort(indices, kind="stable")
    for start in range(0, len(in_file_order), ROWS_PER_RELEASE):
        some = in_file_order[start : start + ROWS_PER_RELEASE]
        rows[some] = array[indices[some]]
        _release_pages(array)
    return rows


def _release_pages(array: np.ndarray) -> None:
    """Release the pages of a memory-mapped file, so that memory doesn't grow to its size."""
    mapped = getattr(array, "_mmap", None)
    if isinstance(mapped, mmap.mmap):
        mapped.madvise(mmap.MADV_DONTNEED)
