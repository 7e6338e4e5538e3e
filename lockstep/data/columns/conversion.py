"""Cells of a known kind as numbers: float64 with NaN, days since 1970, or category numbers."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.columns.converted import Converted
from lockstep.data.columns.dates import convert_dates
from lockstep.data.columns.inference import FALSE, TRUE
from lockstep.data.columns.number_formats import (
    COMMAS,
    USUAL,
    NumberFormat,
    find_format,
    plain_doubles,
    to_doubles,
)
from lockstep.data.readers.cells import Cells


def convert(cells: Cells, kind: str, given: NumberFormat | None = None) -> Converted:
    """Convert a column of texts, or of a dictionary of texts, null where a cell is missing."""
    if kind == "number":
        return _numbers(cells.cast(pa.string()), given)
    if kind == "category":
        return _categories(cells)
    return _by_value(cells, _booleans if kind == "boolean" else convert_dates)


def _by_value(cells: Cells, convert_values: Callable[[Cells], Converted]) -> Converted:
    """Convert each different text once."""
    encoded = pc.dictionary_encode(cells).combine_chunks()
    found = convert_values(pa.chunked_array([encoded.dictionary]))
    numbers = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    wrong = None if found.wrong is None else int(np.argmax(numbers == found.wrong))
    return found._replace(numbers=np.append(found.numbers, np.nan)[numbers], wrong=wrong)


def _numbers(cells: Cells, given: NumberFormat | None) -> Converted:
    plain = plain_doubles(cells) if given is None else None
    if plain is not None:
        return Converted(_as_numpy(plain))
    written = given or find_format(pc.drop_null(cells)) or _most_fitting(cells)
    found = to_doubles(cells, written)
    return Converted(_as_numpy(found), _first_wrong(cells, found), written=written)


def _most_fitting(cells: Cells) -> NumberFormat:
    """The format in which most cells are numbers; with a sign only if none is without."""
    candidates = [
        USUAL,
        *COMMAS,
        NumberFormat(signed=True),
        NumberFormat(thousands=",", signed=True),
    ]
    return min(candidates, key=lambda each: to_doubles(cells, each).null_count)


def _booleans(cells: Cells) -> Converted:
    lower = pc.utf8_lower(cells)
    true, false = (pc.is_in(lower, value_set=pa.array(each)) for each in (TRUE, FALSE))
    known = pc.if_else(pc.or_(true, false), true, pa.scalar(None, pa.bool_()))
    found = known.cast(pa.float64())
    return Converted(_as_numpy(found), _first_wrong(cells, found))


def _categories(cells: Cells) -> Converted:
    encoded = pc.dictionary_encode(cells).combine_chunks()
    numbers = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)
    return Converted(numbers.astype(np.int32), texts=encoded.dictionary.to_pylist())


def _as_numpy(found: pa.ChunkedArray) -> np.ndarray:
    array: np.ndarray = found.to_numpy().astype(np.float64, copy=False)
    return array


def _first_wrong(cells: Cells, found: pa.ChunkedArray) -> int | None:
    index = pc.index(pc.and_(pc.is_valid(cells), pc.is_null(found)), True).as_py()
    return None if index < 0 else int(index)
