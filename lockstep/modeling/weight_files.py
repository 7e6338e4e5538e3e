"""Check a file of weights before it is read: it may come from elsewhere."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from lockstep.errors import DataError

# Arrays that take more than both are refused: HDF5 stores empty ones of any size in a few bytes.
MAX_RATIO, SMALL = 100, 2**28
MAX_OBJECTS = 2**20
EXPECTED = "expected arrays in the file itself; it isn't a file of weights that Keras wrote"


def check_weights(path: Path, file: Any = None, where: str = "") -> None:
    """Raise DataError unless all of an HDF5 file are plain arrays that it holds itself.

    HDF5 has links to other files, arrays that are in other files, and arrays of any declared size.
    `file` is its content, if it isn't at `path`; `where` is said before the path.
    """
    try:
        with h5py.File(file or path) as opened:
            total = sum(math.prod(each.shape) * each.dtype.itemsize for each in _arrays(opened))
            size = opened.id.get_filesize()
    except (_OddError, OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        line = f"{where}{path}: {error or type(error).__name__}"
        raise DataError(f"{line}; {EXPECTED}") from None
    if total > max(SMALL, MAX_RATIO * size):
        raise DataError(
            f"{where}{path}: {size:,} bytes with arrays of {total:,}, expected at most {MAX_RATIO} "
            "times as many"
        )


class _OddError(Exception):
    """What no file of weights has."""


def _arrays(file: h5py.File) -> Iterator[h5py.Dataset]:
    """Yield the arrays, each once; raises _OddError for anything else than arrays and groups."""
    pending, seen = [("", file)], set()
    while pending:
        place, group = pending.pop()
        for name in group:
            inside = f"{place}/{name}"
            kind = group.get(name, getclass=True, getlink=True)
            if kind is not h5py.HardLink:
                raise _OddError(f"{inside} is a link ({getattr(kind, '__name__', 'damaged')})")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MAX_OBJECTS:
                raise _OddError(f"more than {MAX_OBJECTS:,} groups and arrays")
            if isinstance(item, h5py.Group):
                pending.append((inside, item))
            else:
                yield _checked(inside, item)


def _checked(place: str, item: Any) -> h5py.Dataset:
    if not isinstance(item, h5py.Dataset):
        raise _OddError(f"{place} is a {type(item).__name__}")
    if item.external or item.is_virtual:
        raise _OddError(f"{place} is in another file")
    if item.dtype.hasobject:
        raise _OddError(f"{place} has values of a variable length")
    return item
