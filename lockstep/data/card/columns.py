"""What the data card says of each column of a table."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from lockstep.data.blocks import blocks
from lockstep.data.card.values import frequent, histogram, number, sampled, share
from lockstep.data.spec import Input
from lockstep.data.spec.columns import Column
from lockstep.data.spec.dates import DAY

MOST = 100  # columns without a name that are described
ARRAY = Column("number")
OF_ARRAY = "a column of an array of numbers"


def describe_columns(
    name: str, found: Input, x: np.ndarray, kinds: Mapping[str, tuple[str, str]]
) -> dict[str, dict[str, Any]]:
    """Return what there is to say of each column of a training split's table, (n, columns).

    `kinds` has each named column's kind, and why.
    """
    of_array = {f"{name}[{each}]": ARRAY for each in range(min(found.shape[-1], MOST))}
    columns = found.columns or of_array
    x = x[:, : len(columns)]
    sample, missing = sampled(x), _missing(x, list(columns.values()))
    described = {}
    for at, (each, column) in enumerate(columns.items()):
        of_part = f"data.columns asks for it, of {column.source!r}"
        unnamed = (column.kind, of_part if column.source else OF_ARRAY)
        kind, why = kinds.get(each, unnamed)
        described[each] = {"kind": kind, "why": why, "missing": share(missing[at], len(x))}
        limits = tuple(found.statistics[key][at] for key in ("minimum", "maximum"))
        described[each] |= _describe(sample[:, at], column, limits)
    return described


def _describe(stored: np.ndarray, column: Column, limits: tuple[float, ...]) -> dict[str, Any]:
    there = stored[~_is_missing(stored, column)]
    often = [[_shown(value, column), part] for value, part in frequent(there)]
    if column.is_category or column.kind == "boolean":
        return {"values": max(len(column.categories) - 1, 2), "frequent": often}
    if not np.isfinite(limits).all():
        return {"frequent": often}
    low, high = (_shown(np.asarray(each, np.float32)[()], column) for each in limits)
    counts = histogram(there, *limits)
    return {"minimum": low, "maximum": high, "frequent": often, "histogram": counts}


def _missing(x: np.ndarray, columns: list[Column]) -> np.ndarray:
    """How many cells of each column are missing."""
    counts = np.zeros(len(columns), np.int64)
    last = np.array([_last(column) for column in columns])
    for rows in blocks(x):
        block = x[rows]
        counts += (block == last).sum(axis=0)
        if block.dtype.kind == "f":
            counts += np.isnan(block).sum(axis=0)
    return counts


def _is_missing(stored: np.ndarray, column: Column) -> np.ndarray:
    return np.isnan(stored.astype(np.float64)) | (stored == _last(column))


def _last(column: Column) -> float:
    """The number that stands for a missing category; NaN, which equals none, for other columns."""
    return len(column.categories) if column.is_category and column.missing else np.nan


def _shown(stored: Any, column: Column) -> Any:
    """A stored value as it was in the file."""
    if column.is_category:
        return column.categories[int(stored)]
    if column.kind == "boolean":
        return bool(stored)
    value = number(stored)
    if value is None or not (column.origin or column.kind == "date"):
        return value
    return _date(value + column.origin) if column.kind == "date" else number(value + column.origin)


def _date(days: float) -> str:
    moment = np.datetime64(0, "us") + np.timedelta64(round(days * DAY), "us")
    return str(moment.astype("datetime64[s]")).removesuffix("T00:00:00")
