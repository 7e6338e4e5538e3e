"""A table's columns of numbers, categories and dates, converted cell by cell."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lockstep.config.schema import Data
from lockstep.data.blocks import gathered
from lockstep.data.columns.clean_tables import CleanTable
from lockstep.data.columns.conversion import convert
from lockstep.data.columns.converted import Converted
from lockstep.data.columns.dates import convert_part
from lockstep.data.columns.kinds import Kind
from lockstep.data.columns.number_formats import USUAL, NumberFormat
from lockstep.data.columns.parallel import for_columns
from lockstep.data.columns.rows import Rows
from lockstep.data.readers.cells import MISSING
from lockstep.data.spec.example_error import ExampleError
from lockstep.errors import DataError
from lockstep.storage.atomic_files import unused_path


def given_format(data: Data) -> NumberFormat | None:
    """Return how data.decimal and data.thousands say that numbers are written."""
    if data.decimal is None and data.thousands is None:
        return None
    return NumberFormat(data.decimal or USUAL.decimal, data.thousands or USUAL.thousands)


def _convert(
    split: str, table: CleanTable, name: str, kind: str, data: Data, path: Path | None
) -> Converted:
    if kind == "number" and name in table.numbers:
        return Converted(table.numbers[name])
    cells, doubles = table.blocks(name), None if kind != "number" else table.doubles(name)
    if doubles is not None:
        return Converted(gathered(doubles, np.float64, path))
    found = convert(cells, kind, given_format(data), path)
    if found.wrong is not None:
        expected = f", expected a {kind} as in the other rows"
        why = f": {found.problem}" if found.problem else expected
        problem = f"is {cells.cell(found.wrong)!r}{why}"
        raise ExampleError(f"{split} split", found.wrong, f"column {name!r}", problem)
    return found


def rows_of(
    split: str, table: CleanTable, kinds: Mapping[str, Kind], data: Data, scratch: Path | None
) -> Rows:
    """Return a table's columns of these kinds as numbers, with the parts of dates.

    They are memory maps if there is a folder `scratch`. Raises ExampleError for a cell of another
    kind.
    """
    places = {name: number for number, name in enumerate(kinds)}

    def path_of(name: str, part: str = "") -> Path | None:
        return scratch and unused_path(scratch, f"{split}-cells{places[name]}{part}-", ".bin")

    def converted(name: str) -> Converted:
        return _convert(split, table, name, kinds[name].name, data, path_of(name))

    found = for_columns(kinds, converted)
    names = {name: kind.name for name, kind in kinds.items()}
    sources = {}
    for name, kind in kinds.items():
        for part in kind.parts:
            added = f"{name} {part}"
            if added in table.table.column_names:
                raise DataError(
                    f"column {added!r} is in the file, and data.columns asks for it of {name!r}; "
                    "rename it, or leave the part out"
                )
            names[added], sources[added] = part, name
            found[added] = convert_part(table.blocks(name).texts(), part, path_of(name, part))
    return Rows(
        {name: each.numbers for name, each in found.items()},
        names,
        {name: each.texts for name, each in found.items() if each.texts},
        (*MISSING, *data.null_values),
        sources,
        {name: vars(each.written) for name, each in found.items() if each.written != USUAL},
    )
