"""The rows of a CSV of file names and labels, and the roles of its columns."""

import csv
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from lockstep.config.schema import Data
from lockstep.data.readers.column_roles import named_roles, roles_of, say_default_target
from lockstep.errors import DataError, ParamsError
from lockstep.process import console

DELIMITERS = ",;\t|"
PLAIN = 2  # columns: the file and its label
# Of pictures and texts: a cell that ends so is the name of a file that is missing, and no header.
SUFFIXES = (
    ".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".txt", ".webp",
)  # fmt: skip


class LabelsTable(NamedTuple):
    """Names and labels by row, cells of columns with other roles, and the first row's number."""

    names: list[str]
    labels: list[str]
    cells: dict[str, list[str]]
    first: int


def read_labels(path: Path, data: Data, known: Collection[str]) -> LabelsTable:
    """Return a CSV's names of files, which are `known`, and labels.

    With more than two columns, data.target names that of the labels; by default it is the last one
    without another role.
    """
    rows = _rows(path)
    column = _file_column(path, rows, known)
    header = _header(path, rows, column, known)
    plain = len(rows[0]) == PLAIN and not named_roles(data)
    label, others = (1 - column, {}) if plain else _roles(path, header, column, data)
    below = rows[1:] if header else rows
    first = 2 if header else 1
    for at in (column, label):
        empty = next((number for number, row in enumerate(below, first) if not row[at]), None)
        if empty:
            row = below[empty - first]
            raise DataError(f"{path}: row {empty} is {row}, expected a file name and a label")
    cells = {name: [row[at] for row in below] for name, at in others.items()}
    return LabelsTable([row[column] for row in below], [row[label] for row in below], cells, first)


def _rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise DataError(f"data.labels_file: {path}: no such file, expected a CSV in data.path")
    try:
        text = path.read_text(encoding="utf-8-sig")
        start = text.partition("\n")[0]
        delimiter = max(DELIMITERS, key=start.count)
        lines = csv.reader(text.splitlines(), delimiter=delimiter, strict=True)
        rows = [[cell.strip() for cell in row] for row in lines if row]
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not a CSV in UTF-8 ({error}), save it as one") from None
    if not rows:
        raise DataError(f"{path}: empty, expected rows of a file name and a label")
    width = max(PLAIN, len(rows[0]))
    expected = f"{width} cells" if width > PLAIN else "a file name and a label"
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise DataError(f"{path}: row {number} is {row}, expected {expected}")
    return rows


def _file_column(path: Path, rows: list[list[str]], known: Collection[str]) -> int:
    """Return which column names files: that with most names that are there."""
    hits = [sum(row[column] in known for row in rows) for column in range(len(rows[0]))]
    if hits.count(max(hits)) > 1:
        raise DataError(
            f"{path}: {max(hits)} cells of each column are names of files in {path.parent}, "
            f"expected one column of such names; the first row is {rows[0]}"
        )
    return hits.index(max(hits))


def _header(
    path: Path, rows: list[list[str]], column: int, known: Collection[str]
) -> list[str] | None:
    first = rows[0][column]
    if first in known or first.lower().endswith(SUFFIXES):
        return None
    console.say(
        f"{path.name}: {', '.join(rows[0])} is taken for a header, since no file is {first}"
    )
    return rows[0]


def _roles(
    path: Path, header: list[str] | None, column: int, data: Data
) -> tuple[int, dict[str, int]]:
    """The index of the column of labels, and of those with other roles by name."""
    if header is None:
        raise DataError(
            f"{path}: no header, expected one that names the column of labels and others"
        )
    names = [name for at, name in enumerate(header) if at != column]
    roles = roles_of(names, data)
    if len(roles.targets) > 1:
        raise ParamsError(
            f"data.target: got {roles.targets} for a labels_file, expected one column"
        )
    say_default_target(names, data)
    others = {name: header.index(name) for name in named_roles(data).values()}
    return header.index(roles.targets[0]), others
