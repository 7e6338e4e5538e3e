"""A table's columns as they are stored: one matrix, and what preprocessing needs of each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lockstep.config.schema import Normalize
from lockstep.data.arrays import smallest_dtypes
from lockstep.data.columns.parallel import for_columns
from lockstep.data.columns.rows import Rows
from lockstep.data.float32 import origin_of
from lockstep.data.spec.columns import OTHER, PARTS, Column
from lockstep.data.spec.inputs import Input
from lockstep.errors import DataError


def store_rows(
    raw: Mapping[str, Rows], normalize: Normalize, scratch: Path | None = None
) -> tuple[Input, dict[str, np.ndarray]]:
    """Return the input's description by the training split, and each split's matrix, (n, columns).

    The matrices are memory maps if there is a folder `scratch`. Raises DataError for missing
    numbers, unless normalize.missing says what replaces them, and for numbers that float32 can't
    hold apart.
    """
    pa.default_memory_pool().release_unused()  # what texts took
    train = raw["train"]
    columns = for_columns(train.columns, lambda name: _describe(name, train, normalize))
    matrices = {split: _matrix(split, rows, columns, scratch) for split, rows in raw.items()}
    arrays = smallest_dtypes(matrices)
    x = arrays["train"]
    nulls = list(train.null_values)
    return Input("table", [len(columns)], x.dtype.name, _statistics(x), columns, nulls), arrays


def _describe(name: str, train: Rows, normalize: Normalize) -> Column:
    kind, values = train.kinds[name], train.column(name)
    if kind in PARTS:
        missing = bool((values < 0).any())
        return Column(kind, [OTHER, *PARTS[kind]], missing=missing, source=train.sources[name])
    if kind == "category":
        texts = sorted({train.texts[name][number] for number in np.unique(values) if number >= 0})
        return Column(kind, [OTHER, *texts], missing=bool((values < 0).any()))
    gaps = np.isnan(values)
    missing = bool(gaps.any())
    there = values[~gaps] if missing else values
    origin = (
        float(np.floor(there.min())) if kind == "date" else origin_of(f"column {name!r}", there)
    )
    return Column(
        kind,
        missing=missing,
        origin=origin,
        fill=_fill(there, origin, normalize.missing),
        indicator=missing and normalize.missing_indicator,
        written=dict(train.written.get(name, {})),
    )


def _fill(there: np.ndarray, origin: float, missing: str | float) -> float | None:
    if missing == "refuse" or not len(there):
        return None
    if missing in ("mean", "median"):
        stored = there - origin
        return float(np.mean(stored) if missing == "mean" else np.median(stored))
    return 0.0 if missing == "constant" else float(missing)


def _matrix(
    split: str, rows: Rows, columns: Mapping[str, Column], scratch: Path | None
) -> np.ndarray:
    """Return the stored numbers, all of which float32 can hold."""
    matrix = _empty((len(rows), len(columns)), scratch and scratch / f"{split}-matrix.npy")
    numbers = {name: number for number, name in enumerate(columns)}

    def store(name: str) -> None:
        matrix[:, numbers[name]] = _stored(split, name, rows, columns[name])

    for_columns(columns, store)
    return matrix


def _empty(shape: tuple[int, int], path: Path | None) -> np.ndarray:
    if path is None:
        return np.empty(shape, np.float32)
    mapped: np.ndarray = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    return mapped


def _stored(split: str, name: str, rows: Rows, column: Column) -> np.ndarray:
    values = rows.column(name)
    if column.is_category:
        ids = {text: number for number, text in enumerate(column.categories)}
        by_code = [ids.get(text, 0) for text in rows.texts[name]]
        last = len(column.categories) if column.missing else 0
        return np.array([*by_code, last], np.float32)[values]  # -1 is the last
    stored = (values - column.origin).astype(np.float32)
    if column.fill is None and np.isnan(stored).any():
        raise DataError(
            f"{split} split: column {name!r}: {int(np.isnan(stored).sum())} of {len(stored)} cells "
            "are missing: set normalize.missing to mean, median, constant or a number"
        )
    return stored


def _statistics(x: np.ndarray) -> dict[str, Any]:
    """Minimum, maximum, mean and standard deviation of each column, without missing numbers."""
    found = for_columns(
        map(str, range(x.shape[1])), lambda at: _statistics_of(x[:, int(at)].astype(np.float64))
    )
    of_columns = list(found.values())
    return {name: [each[name] for each in of_columns] for name in of_columns[0]}


def _statistics_of(cells: np.ndarray) -> dict[str, float]:
    gaps = np.isnan(cells)
    there = cells[~gaps] if gaps.any() else cells
    return {
        "minimum": float(there.min()),
        "maximum": float(there.max()),
        "mean": float(there.mean()),
        "deviation": float(there.std()),
    }
