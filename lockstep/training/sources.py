"""Where the loop reads its examples: from each device's memory, or from arrays on disk.

Both give the same batches in the same order, and so the same results, bit for bit.
"""

import mmap
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from lockstep.data.spec import Examples
from lockstep.runtime import gpu_memory
from lockstep.runtime.replicas import put_on_replicas, share_of_replica
from lockstep.training.rows import WORD, RowFormat, format_of, to_words

# Most bytes that one graph call gets from disk; those of the next call are read meanwhile.
STREAM_BYTES = 32 * 2**20
# Examples to read from a memory-mapped file before its pages are released: each read also loads up
# to 64 KiB around the example.
ROWS_PER_RELEASE = 256


class StepChunk(NamedTuple):
    """The steps of one graph call, and their data."""

    start: int  # index of the first step in the epoch
    count: tf.Tensor  # number of steps; the rows of `order` after these are padding
    order: Any  # per replica: indices into `data`, int64, (steps, the replica's share of the batch)
    data: Any  # per replica: the arrays as words
    formats: tuple[RowFormat, ...]  # of the arrays
    batch: int  # examples of a step on all replicas


class DeviceSource:
    """Keeps the examples in the memory of each replica's device.

    Any replica may get any example, so each has all of them. If the orders that will be asked for
    are always the same `fixed_orders`, each has only its share of them.
    """

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        examples: Examples,
        fixed_orders: Sequence[np.ndarray] = (),
    ) -> None:
        self.strategy, self.count = strategy, examples.size
        self.formats = tuple(map(format_of, examples.arrays))
        self._fixed_orders = fixed_orders if strategy.num_replicas_in_sync > 1 else ()
        self.data = put_on_replicas(strategy, partial(self._arrays, examples))

    def chunks(self, order: np.ndarray, size: int) -> Iterator[StepChunk]:
        """Split an order, (steps, batch), into chunks of `size` steps."""
        for start, rows in _split(order, size):
            count, on_replicas = tf.constant(len(rows)), self._order(_pad(rows, size))
            yield StepChunk(start, count, on_replicas, self.data, self.formats, rows.shape[1])

    def _arrays(self, examples: Examples, replica: int) -> tuple[np.ndarray, ...]:
        if not self._fixed_orders:
            return tuple(map(to_words, examples.arrays))
        mine = self._share(replica)
        return tuple(to_words(array[mine]) for array in examples.arrays)

    def _share(self, replica: int) -> np.ndarray:
        """The examples that a replica gets of the fixed orders."""
        shares = [share_of_replica(self.strategy, rows, replica) for rows in self._fixed_orders]
        mine = np.concatenate([each.ravel() for each in shares])
        return mine if mine.size else np.zeros(1, np.int64)  # steps without a share read one

    def _order(self, rows: np.ndarray) -> Any:
        def share(replica: int) -> tuple[np.ndarray]:
            mine = share_of_replica(self.strategy, rows, replica)
            return (self._positions(replica)[mine] if self._fixed_orders else mine,)

        return put_on_replicas(self.strategy, share)[0]

    def _positions(self, replica: int) -> np.ndarray:
        """Where the replica's arrays have an example, by its index in all of them."""
        mine, positions = self._share(replica), np.zeros(self.count, np.int64)
        positions[mine] = np.arange(len(mine))
        return positions


class DiskSource:
    """Reads each replica's share of the examples from arrays on disk, one graph call ahead."""

    def __init__(
        self,
        strategy: tf.distribute.Strategy,
        examples: Examples,
        fixed_orders: Sequence[np.ndarray] = (),
    ) -> None:
        self.strategy, self.count = strategy, examples.size
        self.formats = tuple(map(format_of, examples.arrays))
        self.examples = examples
        self._bytes = stored_bytes([examples]) // self.count

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
            positions = np.arange(size * mine.shape[1]).reshape(size, mine.shape[1])
            indices = mine.ravel() if mine.size else np.zeros(1, np.int64)
            read = (_read_rows(each, indices, positions.size or 1) for each in arrays)
            return (positions, *map(to_words, read))

        arrays = self.examples.arrays
        order, *data = put_on_replicas(self.strategy, share)
        count, batch = tf.constant(len(rows)), rows.shape[1]
        return StepChunk(start, count, order, tuple(data), self.formats, batch)


def stored_bytes(splits: Iterable[Examples]) -> int:
    """Return the bytes that all arrays of these examples take on a device, as words."""
    return sum(
        format_of(array).words * WORD.itemsize * len(array)
        for split in splits
        for array in split.arrays
    )


def choose_source(
    data_placement: str, replica_bytes: int, replicas: int, kind: str, model_bytes: int
) -> type[DeviceSource] | type[DiskSource]:
    """Return the source for `data_placement`: device, disk, or auto, by what fits.

    `replica_bytes` are the data of one replica, `model_bytes` what else training keeps on a GPU. On
    CPUs, auto chooses the device if the data of all replicas fit in half of the free memory.
    """
    if data_placement == "auto":
        fits = replica_bytes <= _room(replicas, kind, model_bytes)
        data_placement = "device" if fits else "disk"
    return DeviceSource if data_placement == "device" else DiskSource


def _room(replicas: int, kind: str, model_bytes: int) -> int:
    """The bytes that each replica may keep in memory."""
    if kind == "CPU":
        return _free_memory() // 2 // replicas
    return gpu_memory.room_for_data(gpu_memory.of_gpus(), model_bytes)


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
