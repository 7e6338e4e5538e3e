"""Go through arrays that may be memory maps, larger than memory, in blocks of whole examples."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from lockstep.process.memory_bound import bounded

BYTES = 2**24  # of a block, where memory isn't scarce


def blocks(array: np.ndarray) -> Iterator[slice]:
    """Yield slices of the first axis, of at most 16 MiB; results don't depend on their size."""
    return spans(len(array), array[:1].nbytes)


def spans(size: int, example_bytes: int) -> Iterator[slice]:
    """Yield such slices of as many examples, each of so many bytes."""
    count = max(1, bounded(BYTES) // max(1, example_bytes))
    return (slice(at, at + count) for at in range(0, size, count))


def cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array with this dtype; a memory map as another one beside it."""
    if array.dtype == dtype or not isinstance(array, np.memmap):
        return array.astype(dtype, copy=False)
    source = Path(str(array.filename))
    path = source.with_name(f"{dtype.name}-{source.name}")
    parts = (array[block].astype(dtype) for block in blocks(array))
    return _written(path, dtype, array.shape, parts)


def taken(array: np.ndarray, indices: np.ndarray, name: str) -> np.ndarray:
    """Return examples of an array; those of a memory map in another one beside it."""
    if not isinstance(array, np.memmap):
        return array[indices]
    source = Path(str(array.filename))
    path, shape = source.with_name(f"{name}-{source.name}"), (len(indices), *array.shape[1:])
    parts = (array[indices[span]] for span in spans(len(indices), array[:1].nbytes))
    return _written(path, array.dtype, shape, parts)


def _written(
    path: Path, dtype: np.dtype, shape: tuple[int, ...], parts: Iterable[np.ndarray]
) -> np.ndarray:
    """Write a .npy file part by part, sooner than through a map of it; return it mapped."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for part in parts:
            file.write(np.ascontiguousarray(part).data)
    found: np.ndarray = np.load(path, mmap_mode="r")
    return found


def mapped(array: np.ndarray, path: Path) -> np.ndarray:
    """Return the same array as a memory map of a new file; a memory map as it is."""
    if isinstance(array, np.memmap) or not array.size:
        return array
    array.tofile(path)
    return np.memmap(path, array.dtype, "r", shape=array.shape)


def gathered(parts: Iterable[np.ndarray], dtype: DTypeLike, path: Path | None) -> np.ndarray:
    """Return numbers, (n,), that come in parts; mapped, which may be changed, if there is a path.

    A file is new: one that is there may be mapped.
    """
    if path is None:
        return np.concatenate([np.zeros(0, dtype), *parts])
    with path.open("xb") as file:
        for part in parts:
            file.write(np.ascontiguousarray(part, dtype).data)
        if not file.tell():
            return np.zeros(0, dtype)
    return np.memmap(path, dtype, "r+")


def collected(parts: Iterable[np.ndarray], most: int, scratch: Path | None) -> np.ndarray:
    """Return float64 numbers, (n,), that come in parts; `most` says how many there may be.

    More than a block lie in a file that goes with the array, if there is a folder for it.
    """
    numbers = np.dtype(np.float64)
    if scratch is None or most * numbers.itemsize <= bounded(BYTES):
        return np.concatenate([np.zeros(0), *parts])
    with tempfile.TemporaryFile(dir=scratch) as file:
        for part in parts:
            file.write(np.ascontiguousarray(part, numbers).data)
        return np.memmap(file, numbers, "r+") if file.tell() else np.zeros(0)
