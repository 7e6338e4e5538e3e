"""Read a CSV file as a table: its delimiter, its header, and columns of numbers or text."""

import csv
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice

DELIMITERS = ",;\t"
# If a greater share of a column's cells are numbers, any other cell is an error, not text.
NUMERIC_SHARE = 0.9


def read_rows(path: Path, max_lines: int | None = None) -> tuple[list[str], list[list[str]]]:
    """Return the header's names and the cells of each row; raises DataError.

    `max_lines` limits the lines read, header included. Empty lines are left out.
    """
    records = _records(path, max_lines)
    header = [name.strip() for name in records[0][1]] if records else []
    if not all(header) or len(set(header)) < len(header) or len(records) < 2:
        raise DataError(f"{path}: expected a header of unique names, and rows below it")
    for number, row in records[1:]:
        if len(row) != len(header):
            raise DataError(f"{path}: row {number} has {len(row)} cells, expected {len(header)}")
    return header, [[cell.strip() for cell in row] for _, row in records[1:]]


def row_numbers(path: Path) -> list[int]:
    """Return the number of each row that `read_rows` returns, as a spreadsheet shows it."""
    return [number for number, _ in _records(path)[1:]]


def _records(path: Path, max_lines: int | None = None) -> list[tuple[int, list[str]]]:
    """The rows that aren't empty, with their numbers, which begin at 1."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(DELIMITERS, key=first.count)
            lines = csv.reader(file, delimiter=delimiter, strict=True)
            return [each for each in enumerate(islice(lines, max_lines), 1) if each[1]]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV in UTF-8 ({error})") from None


def check_target(target: str | None, names: list[str]) -> str:
    """Return the target column, by default the last; raises ParamsError if there is no such one."""
    if target is not None and target not in names:
        raise ParamsError(f"data.target: got {target!r}, expected {choice(target, names)}")
    return target or names[-1]


def as_table(
    path: Path, header: list[str], rows: list[list[str]], numeric: list[bool]
) -> np.ndarray:
    """Return rows as a structured array with a field for each column: int64, float64, or text."""
    columns = [
        _numbers(path, name, cells) if is_numeric else np.array(cells)
        for name, cells, is_numeric in zip(header, zip(*rows, strict=True), numeric, strict=True)
    ]
    kinds = [(name, column.dtype) for name, column in zip(header, columns, strict=True)]
    table = np.empty(len(rows), kinds)
    for name, column in zip(header, columns, strict=True):
        table[name] = column
    return table


def is_numeric(cells: tuple[str, ...]) -> bool:
    """Return whether a column counts as numeric: a few of its cells may be wrong."""
    return sum(_number(cell) is not None for cell in cells) > NUMERIC_SHARE * len(cells)


def _numbers(path: Path, name: str, cells: tuple[str, ...]) -> np.ndarray:
    with suppress(ValueError, OverflowError):
        return np.array([int(cell) for cell in cells], np.int64)
    found = [_number(cell) for cell in cells]
    if None in found:
        index = found.index(None)
        raise DataError(
            f"{path}: row {row_numbers(path)[index]}, column {name!r}: got {cells[index]!r}, "
            "expected a number as in the other rows"
        )
    return np.array(found, np.float64)


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
