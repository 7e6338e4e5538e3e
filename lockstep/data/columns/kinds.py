"""The kind of each column of a table: as params.yaml says, or as its cells make certain."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lockstep.config.schema import Data
from lockstep.data.columns.cell_blocks import BYTES, CellBlocks, different
from lockstep.data.columns.clean_tables import CleanTable
from lockstep.data.columns.inference import NUMBERS, ROWS_PER_VALUE, Inferred, infer
from lockstep.data.columns.parallel import for_columns
from lockstep.data.readers.cells import FEW_VALUES, Cells, is_text, without_missing
from lockstep.data.readers.column_roles import UNNAMED
from lockstep.data.spec.example_error import ExampleError
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice
from lockstep.process import console

REFUSE = "refuse"  # of normalize.missing


class Kind(NamedTuple):
    """A column's kind, and why."""

    name: str
    why: str
    parts: tuple[str, ...] = ()  # of a date that are inputs too


def decide(
    clean: CleanTable, data: Data, others: Collection[str], missing: str | float = REFUSE
) -> dict[str, Kind]:
    """Return the kind of each column but `others`, from the table of the training examples.

    `missing` is normalize.missing, of which the line about columns in doubt reminds. Raises
    ParamsError for a column that data.columns names and the table hasn't, and ExampleError, with
    what to write in params.yaml, where the cells leave more than one possibility.
    """
    table = clean.table
    names = [name for name in table.column_names if name not in others]
    for name in data.columns:
        if name not in names:
            raise ParamsError(f"data.columns: got {name!r}, expected {choice(name, names)}")
    open_names = [name for name in names if name not in data.columns]
    inferred = for_columns(open_names, lambda name: _infer(clean, name, data))
    given = {name: _declared(kind) for name, kind in data.columns.items()}
    found = {name: Kind(str(each.kind), each.why) for name, each in inferred.items()}
    kinds = {name: (given | found)[name] for name in names}
    in_doubt = {name: each for name, each in inferred.items() if not each.kind}
    if in_doubt:
        certain = {name: Inferred(each.name, each.why) for name, each in (given | found).items()}
        gaps = _with_gaps(table, certain | in_doubt) if missing == REFUSE else []
        _refuse(table, in_doubt, gaps)
    _say_dropped(kinds, data.columns)
    return kinds


def _declared(kind: str | Sequence[str]) -> Kind:
    name, *parts = [kind] if isinstance(kind, str) else kind
    return Kind(name, "as data.columns says", tuple(parts))


def _infer(clean: CleanTable, name: str, data: Data) -> Inferred:
    return _without_name(clean.table, name) or infer_column(clean, name, data)


def infer_column(clean: CleanTable, name: str, data: Data) -> Inferred:
    """Return the kind of a column of texts, or of the type that its file gives it."""
    column = clean.table[name]
    kind = column.type
    if name in clean.numbers:
        return NUMBERS
    if is_text(kind):
        return infer(clean.blocks(name))
    if column.null_count == len(column):
        return Inferred("drop", "all cells are missing")
    return _whole(column) if pa.types.is_integer(kind) else _of_type(kind)


def _of_type(kind: pa.DataType) -> Inferred:
    why = f"its type is {kind}"
    if pa.types.is_boolean(kind):
        return Inferred("boolean", why)
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return Inferred("date", why)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Inferred("number", why)
    return Inferred(None, why, possible=("drop",))


def _whole(column: pa.ChunkedArray) -> Inferred:
    values = different(CellBlocks(column), FEW_VALUES, BYTES)
    count = 0 if values is None else len(values)
    if count > 2 and len(column) >= count * ROWS_PER_VALUE:
        why = f"{count} different whole numbers, which may be amounts or codes"
        return Inferred(None, why, possible=("number", "category", "drop"))
    return Inferred("number", f"its type is {column.type}")


def _without_name(table: pa.Table, name: str) -> Inferred | None:
    """What a column without a name is: empty, as after a last delimiter, or the rows' numbers."""
    if name and not UNNAMED.fullmatch(name):
        return None
    cells = table[name]
    texts = CellBlocks(cells, lambda block: block.cast(pa.string()))
    if not any(len(pc.drop_null(without_missing(block, ()))) for block in texts):
        return Inferred("drop", "it has neither a name nor cells")
    if all(
        block.to_pylist() == [str(at + number) for number in range(len(block))]
        for at, block in texts.numbered()
    ):
        return Inferred("drop", "it has no name, and numbers the rows")
    if name:
        return None
    raise DataError("a column has no name, expected one in the header")


def _with_gaps(table: pa.Table, kinds: Mapping[str, Inferred]) -> list[str]:
    """The columns that are or may be numbers, and have missing cells."""
    return [
        name
        for name, each in kinds.items()
        if {each.kind, *each.possible} & {"number", "boolean", "date"} and table[name].null_count
    ]


def _key(name: str) -> str:
    """A column's name as a key in params.yaml, in quotes where it needs them."""
    plain = re.fullmatch(r"[A-Za-z_][\w .-]*(?<! )", name)
    return name if plain and name not in ("true", "false", "null") else json.dumps(name)


def _refuse(table: pa.Table, in_doubt: Mapping[str, Inferred], gaps: Sequence[str]) -> None:
    name, first = next(iter(in_doubt.items()))
    fixes = ", ".join(f"{_key(name)}: {'|'.join(each.possible)}" for name, each in in_doubt.items())
    fix = f"set data.columns to {{{fixes}}}"
    if not first.possible:
        fix = "set data.decimal or data.thousands"
    for other, each in list(in_doubt.items())[1:]:
        console.say(f"column {other!r} is in doubt too: {_cell(table, other, each)!r}: {each.why}")
    cell = _cell(table, name, first)
    if first.may_be_missing:
        fix += f", or data.null_values to [{cell}]"
    if gaps:
        fix += f", and normalize.missing, since cells are missing in {', '.join(gaps)}"
    problem = f"is {cell!r}: {first.why}; {fix}"
    raise ExampleError("train split", first.cell, f"column {name!r}", problem)


def _cell(table: pa.Table, name: str, found: Inferred) -> object:
    return table[name][found.cell].as_py()


def _say_dropped(kinds: Mapping[str, Kind], given: Collection[str]) -> None:
    for name, kind in kinds.items():
        if kind.name == "drop" and name not in given:
            console.say(f"column {name!r} is left out: {kind.why}")


def as_texts(column: pa.ChunkedArray, data: Data) -> Cells:
    """Return a column's cells as texts, null where they are missing."""
    texts = column.cast(pa.string())
    return without_missing(texts, data.null_values)
