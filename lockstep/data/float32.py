"""What numbers lose when they are cast to float32, which models compute with."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lockstep.data.blocks import blocks, collected
from lockstep.errors import DataError

LARGEST = float(np.finfo(np.float32).max)
WHOLE = 2**24  # float32 holds all whole numbers up to this
DECIMALS, SAMPLE = 6, 1000
TO_SPARE = 0.9  # of a step: float64 rounds it
NARROW = 2**10  # numbers that differ by less than this part of their size lose digits


def check_range(name: str, values: np.ndarray) -> None:
    """Raise DataError for a number that float32 can't hold."""
    if values.size and max(abs(float(values.max())), abs(float(values.min()))) > LARGEST:
        largest = values.ravel()[np.argmax(abs(values))]
        raise DataError(f"{name}: {largest:g} is too large for float32; scale or drop it")


class Merged(NamedTuple):
    """How many of sorted values float32 can't hold apart from the next, and the first of them."""

    total: int
    first: int


def origin_of(name: str, values: np.ndarray, scratch: Path | None = None) -> float:
    """Return 0, or what must be subtracted from float64 values so that float32 keeps them apart.

    Whole numbers, which may be ids or seconds, must all stay apart; of fractions more than half
    must. Many are sorted in files in `scratch`. Raises DataError where nothing helps.
    """
    check_range(name, values)
    if _stay_apart(values):
        return 0.0
    distinct = _distinct(values, scratch)
    origins = [0.0, *np.floor(distinct[:1]).tolist()]
    merged = [_merged(distinct, origin) for origin in origins]
    best = int(np.argmin([each.total for each in merged]))
    lost, limit = merged[best].total, 0 if _are_whole(distinct) else len(distinct) // 2
    if lost > limit:
        raise DataError(f"{name}: {_pair(distinct, merged[best])}; scale or drop it")
    return origins[best]


def _stay_apart(values: np.ndarray) -> bool:
    """Whether float32 keeps float64 values apart, as far as that is seen without sorting them.

    Numbers with few decimals are multiples of a step. Numbers that round to the same in float32
    differ by no more than its step at the largest of them.
    """
    if not values.size:
        return True
    largest = np.float32(max(abs(float(values.max())), abs(float(values.min()))))
    for decimals in range(DECIMALS + 1):
        scale = 10.0**decimals
        if float(np.spacing(largest)) * scale > TO_SPARE:
            return False
        parts = (slice(SAMPLE), *blocks(values))
        if all((np.rint(values[each] * scale) / scale == values[each]).all() for each in parts):
            return True
    return False


def check_columns(x: np.ndarray) -> None:
    """Raise DataError for a column of an array, (n, columns), that float32 can't hold as it is."""
    if x.dtype.itemsize <= np.dtype(np.float32).itemsize and x.dtype.kind == "f":
        return
    low, high = x.min(axis=0), x.max(axis=0)
    for number in np.flatnonzero(
        np.maximum(abs(low.astype(float)), abs(high.astype(float))) > WHOLE
    ):
        column = np.unique(x[:, number])
        name = f"column {number} of the inputs"
        check_range(name, column)
        size = abs(column).max()
        if _are_whole(column) or column[-1] - column[0] < size / NARROW:
            merged = _merged(column, 0.0)
            if merged.total > (0 if _are_whole(column) else len(column) // 2):
                raise DataError(
                    f"{name}: {_pair(column, merged)}; subtract the smallest, scale or drop it, or "
                    "save the rows as a table, such as a .parquet file"
                )


def _distinct(values: np.ndarray, scratch: Path | None) -> np.ndarray:
    """Return the different values, sorted."""
    if not isinstance(values, np.memmap):
        return np.unique(values)
    ordered = collected((values[each] for each in blocks(values)), len(values), scratch)
    ordered.sort()
    parts = (part[np.append(True, part[1:] != part[:-1])] for part in _overlapping(ordered))
    firsts = (part[1:] if number else part for number, part in enumerate(parts))
    return collected(firsts, len(values), scratch)


def _overlapping(values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield blocks, each after the first with the value before it."""
    return (values[max(0, each.start - 1) : each.stop] for each in blocks(values))


def _merged(distinct: np.ndarray, origin: float) -> Merged:
    count, first, at = 0, -1, 0
    for part in _overlapping(distinct):
        stored = (part - origin).astype(np.float32)
        same = np.flatnonzero(stored[1:] == stored[:-1])
        if len(same) and first < 0:
            first = at + int(same[0])
        count += len(same)
        at += len(part) - 1
    return Merged(count, first)


def _are_whole(values: np.ndarray) -> bool:
    return all((values[each] == np.trunc(values[each])).all() for each in blocks(values))


def _pair(distinct: np.ndarray, merged: Merged) -> str:
    first, second = distinct[merged.first : merged.first + 2].tolist()
    return f"{first!r} and {second!r} are one number in float32"
