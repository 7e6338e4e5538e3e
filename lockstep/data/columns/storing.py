"""A table's columns as they are stored: one matrix, and what preprocessing needs of each."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa

from lockstep.config.schema import Normalize
from lockstep.data.arrays import smallest_dtypes
from lockstep.data.columns.description import describe, statistics_of
from lockstep.data.columns.parallel import for_columns
from lockstep.data.columns.rows import Rows
from lockstep.data.spec.columns import Column
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
    columns = for_columns(train.columns, lambda name: describe(name, train, normalize, scratch))
    matrices = {split: _matrix(split, rows, columns, scratch) for split, rows in raw.items()}
    arrays = smallest_dtypes(matrices)
    x = arrays["train"]
    nulls = list(train.null_values)
    return Input(
        "table", [len(columns)], x.dtype.name, statistics_of(x, scratch), columns, nulls
    ), arrays


def _matrix(
    split: str, rows: Rows, columns: Mapping[str, Column], scratch: Path | None
) -> np.ndarray:
    """Return the stored numbers, all of which float32 can hold."""
    matrix = _empty((len(rows), len(columns)), scratch and scratch / f"{split}-matrix.npy")
    numbers = {name: number for number, name in enumerate(columns)}

    def store(name: str) -> None:
        for part, stored in _stored(split, name, rows, columns[name]):
            matrix[part, numbers[name]] = stored

    for_columns(columns, store)
    return matrix


def _empty(shape: tuple[int, int], path: Path | None) -> np.ndarray:
    if path is None:
        return np.empty(shape, np.float32)
    mapped: np.ndarray = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    return mapped


def _stored(
    split: str, name: str, rows: Rows, column: Column
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the stored numbers of rows, block by block."""
    if column.is_category:
        ids = {text: number for number, text in enumerate(column.categories)}
        by_code = [ids.get(text, 0) for text in rows.texts[name]]
        last = len(column.categories) if column.missing else 0
        table = np.array([*by_code, last], np.float32)  # -1 is the last
        yield from ((part, table[values]) for part, values in rows.parts(name))
        return
    missing = 0
    for part, values in rows.parts(name):
        stored = (values - column.origin).astype(np.float32)
        missing += int(np.isnan(stored).sum())
        yield part, stored
    if column.fill is None and missing:
        advice = "normalize.missing to mean, median, constant or a number"
        if missing == len(rows):  # nothing to fill them from
            advice = f"data.columns to {{{name}: drop}}"
        raise DataError(
            f"{split} split: column {name!r}: {missing} of {len(rows)} cells are missing: "
            f"set {advice}"
        )
