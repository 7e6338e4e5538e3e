"""Whether the first row of a delimited text file names its columns."""

from collections.abc import Sequence
from pathlib import Path

from lockstep.data.readers.cells import is_number
from lockstep.errors import DataError

FIX = "set data.header to true or false"


def has_header(path: Path, first: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row is a header; raises DataError where it isn't certain.

    It is none if all cells of all rows are numbers. It is one if none of its cells is a number, and
    a column is of numbers below, or no cell occurs again in its column.
    """
    if not below:
        raise DataError(f"{path}: only one row, expected a header and rows below it")
    columns = list(zip(*(row for row in below if len(row) == len(first)), strict=True))
    numeric = [is_number(cell) for cell in first]
    if not any(numeric) and any(all(map(is_number, column)) for column in columns):
        return True
    if not any(numeric):
        again = next(
            (cell for cell, column in zip(first, columns, strict=False) if cell in column and cell),
            None,
        )
        if again is None:
            return True
        raise DataError(
            f"{path}: row 1 may be a header or data, since {again!r} is below it too: {FIX}"
        )
    if all(numeric) and len(first) > 1 and all(all(map(is_number, column)) for column in columns):
        return False
    number = first[numeric.index(True)]
    raise DataError(f"{path}: row 1 may be a header or data, since it has {number!r}: {FIX}")
