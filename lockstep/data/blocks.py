"""Go through arrays that may be memory maps, larger than memory, in blocks of whole examples."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

BYTES = 2**24  # of a block


def blocks(array: np.ndarray) -> Iterator[slice]:
    """Yield slices of the first axis, each of about 16 MiB; results don't depend on their size."""
    count = max(1, BYTES // max(1, array[:1].nbytes))
    return (slice(at, at + count) for at in range(0, len(array), count))


def cast(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return an array with this dtype; a memory map as another one beside it."""
    if array.dtype == dtype or not isinstance(array, np.memmap):
        return array.astype(dtype, copy=False)
    source = Path(str(array.filename))
    out = np.lib.format.open_memmap(
        source.with_name(f"{dtype.name}-{source.name}"), "w+", dtype, array.shape
    )
    for block in blocks(array):
        out[block] = array[block]
    return out


def taken(array: np.ndarray, indices: np.ndarray, name: str) -> np.ndarray:
    """Return examples of an array; those of a memory map in another one beside it."""
    if not isinstance(array, np.memmap):
        return array[indices]
    source = Path(str(array.filename))
    shape = (len(indices), *array.shape[1:])
    path = source.with_name(f"{name}-{source.name}")
    out = np.lib.format.open_memmap(path, "w+", array.dtype, shape)
    for block in blocks(out):
        out[block] = array[indices[block]]
    return out


def mapped(array: np.ndarray, path: Path) -> np.ndarray:
    """Return the same array as a memory map of a new file; a memory map as it is."""
    if isinstance(array, np.memmap) or not array.size:
        return array
    array.tofile(path)
    return np.memmap(path, array.dtype, "r", shape=array.shape)
