"""The cells of one column of text: which are missing, and which are numbers."""

import re
from collections.abc import Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

MISSING = ("", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "?")
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
WHOLE = r"^[+-]?\d+$"
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
