"""The cells of one column of text: which are missing, and which are numbers."""

import re
from collections.abc import Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?")
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
WHOLE = r"^[+-]?\d+$"
FIRST = 1000  # cells that mostly decide
FEW_VALUES = 10  # whole numbers that may be codes
Cells: TypeAlias = pa.ChunkedArray  # of texts


def without_missing(cells: Cells, more: Sequence[str]) -> Cells:
    """Return the cells without blanks around them, and null where a cell is missing."""
    plain = pc.ascii_trim_whitespace(cells)
    missing = pc.is_in(plain, value_set=pa.array([*MISSING, *more], pa.string()))
    return pc.if_else(missing, pa.scalar(None, pa.string()), plain)


def is_number(cell: str) -> bool:
    """Return whether a single cell is a number as programs write them."""
    return re.fullmatch(NUMBER, cell.strip()) is not None


def are_numbers(cells: Cells) -> pa.ChunkedArray:
    """Return for each cell whether it is a number; null where it is missing."""
    return pc.match_substring_regex(cells, NUMBER)


def has_few_values(cells: Cells) -> bool:
    """Return whether the cells are few different whole numbers."""
    values = pc.unique(cells)
    whole = pc.all(pc.match_substring_regex(values, WHOLE)).as_py()
    return bool(whole and len(values) <= FEW_VALUES)


def plain_doubles(cells: Cells) -> pa.ChunkedArray | None:
    """Return float64 numbers if all cells are finite ones in the usual format, else None.

    Many times as fast as matching a pattern, which decides on what this leaves open.
    """
    try:
        found = pc.cast(cells, pa.float64())
    except pa.ArrowInvalid:
        return None
    finite = pc.all(pc.is_finite(found), min_count=0).as_py()  # texts such as inf are numbers here
    return found if finite else None


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column's cells are texts."""
    return bool(
        pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )
