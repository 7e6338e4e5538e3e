"""Read NumPy's .npy format, whose header is checked before anything of its size is allocated."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from lockstep.errors import DataError, LockstepError
from lockstep.storage.disk import FULL

HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}
MAX_EMPTY = 2**20  # entries that take no memory, which a header can have as many of as it likes


def map_array(path: Path) -> np.ndarray:
    """Return the array of an .npy file as a memory map; raises DataError for any other content."""
    with damage_told(f"{path}: incomplete, or not plain arrays"):
        with path.open("rb") as file:
            shape_and_bytes(file)
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return array


def shape_and_bytes(file: IO[bytes]) -> tuple[tuple[int, ...], int]:
    """Return the shape that a header says, and the bytes that NumPy would allocate for it.

    Raises ValueError, and what NumPy and Python's parser raise for a damaged header.
    """
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"version {version} of the format, expected 1.0 or 2.0")
    try:
        shape, _, dtype = HEADERS[version](file)
    except MemoryError:  # of Python's parser, for a header of a few bytes
        raise ValueError("a header nested too deep") from None
    size = math.prod(shape) * dtype.itemsize
    if dtype.hasobject:
        raise ValueError("Python objects, which are never unpickled")
    if min(shape, default=0) < 0 or (size == 0 and max(shape, default=0) > MAX_EMPTY):
        raise ValueError(f"the shape {shape} of {dtype}")
    return shape, size


@contextmanager
def damage_told(line: str) -> Iterator[None]:
    """Raise DataError with `line` and the reason for whatever a damaged file raises in the block.

    NumPy, zipfile, zlib and Python's parser raise errors of many classes. A full disk and too
    little memory aren't the file's fault.
    """
    try:
        yield
    except (LockstepError, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise DataError(f"{line} ({error or type(error).__name__})") from None
