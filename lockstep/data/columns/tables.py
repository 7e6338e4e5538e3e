"""A table as examples: its target, and inputs of its columns and of each text column."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.config.schema import Data
from lockstep.data.columns.conversion import Converted, convert
from lockstep.data.columns.kinds import Kind, as_texts, decide
from lockstep.data.columns.number_formats import USUAL, NumberFormat, find_format, to_doubles
from lockstep.data.columns.rows import Rows
from lockstep.data.readers.cells import MISSING
from lockstep.data.spec import Examples, X, unwrap_single
from lockstep.data.spec.example_error import ExampleError
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice
from lockstep.process import console

WHOLE = r"^[+-]?\d{1,18}$"


def examples_of(tables: Mapping[str, pa.Table], data: Data) -> dict[str, Examples]:
    """Return the examples of each split; kinds are those of the training split's columns.

    Raises ParamsError for a target that isn't there, DataError for a cell of another kind.
    """
    train = tables["train"]
    target = target_of(train.column_names, data.target)
    kinds = decide(train, data, target)
    return {split: _examples(split, each, data, kinds, target) for split, each in tables.items()}


def target_of(names: list[str], given: str | None) -> str:
    """Return the target column, by default the last that has a name; raises ParamsError."""
    if given is not None and given not in names:
        raise ParamsError(f"data.target: got {given!r}, expected {choice(given, names)}")
    named = [name for name in names if name]
    if not named:
        raise DataError("no column has a name, expected names in a header")
    return given or named[-1]


def _examples(
    split: str, table: pa.Table, data: Data, kinds: Mapping[str, Kind], target: str
) -> Examples:
    missing = [name for name in (*kinds, target) if name not in table.column_names]
    if missing:
        raise DataError(f"{split} split: no column {missing[0]!r}, expected it as in train")
    kept, y = _targets(split, table, data, target)
    used = {name: kind.name for name, kind in kinds.items() if kind.name != "drop"}
    texts = {name: _texts(table, name, data) for name, kind in used.items() if kind == "text"}
    rows = {name: kind for name, kind in used.items() if kind != "text"}
    x: dict[str, Any] = {X: _rows(split, table, rows, data)} if rows else {}
    x |= texts if rows or len(texts) != 1 else {X: next(iter(texts.values()))}
    if not x:
        raise DataError(f"{split} split: no column is left as input, expected one at least")
    return Examples(unwrap_single({name: each[kept] for name, each in x.items()}), y)


def _targets(split: str, table: pa.Table, data: Data, target: str) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the rows with a target, and the targets: texts, whole numbers or numbers."""
    cells = as_texts(table[target], data)
    there = np.asarray(pc.is_valid(cells))
    count = int((~there).sum())
    if count and not data.drop_missing_targets:
        raise ExampleError(
            f"{split} split", int(np.argmin(there)), f"target {target!r}",
            f"is missing, as in {count} rows: add it, or set data.drop_missing_targets to true",
        )  # fmt: skip
    if count:
        console.say(f"{count} rows of the {split} split have no target, and are left out")
    return np.flatnonzero(there), _target_values(cells.filter(pa.array(there)), data)


def _target_values(cells: pa.ChunkedArray, data: Data) -> np.ndarray:
    if pc.all(pc.match_substring_regex(cells, WHOLE)).as_py():
        return np.asarray(cells.cast(pa.int64()).to_numpy())
    written = _given_format(data) or find_format(cells)
    if written:
        found = to_doubles(cells, written)
        if not found.null_count:
            return np.asarray(found.to_numpy())
    return np.array(cells.to_pylist(), str)


def _given_format(data: Data) -> NumberFormat | None:
    if data.decimal is None and data.thousands is None:
        return None
    return NumberFormat(data.decimal or USUAL.decimal, data.thousands or USUAL.thousands)


def _texts(table: pa.Table, name: str, data: Data) -> np.ndarray:
    return np.array(pc.fill_null(as_texts(table[name], data), "").to_pylist(), object)


def _rows(split: str, table: pa.Table, kinds: Mapping[str, str], data: Data) -> Rows:
    found: dict[str, Converted] = {}
    for name, kind in kinds.items():
        cells = as_texts(table[name], data)
        found[name] = convert(cells, kind, _given_format(data))
        wrong = found[name].wrong
        if wrong is not None:
            problem = f"is {cells[wrong].as_py()!r}, expected a {kind} as in the other rows"
            raise ExampleError(f"{split} split", wrong, f"column {name!r}", problem)
    return Rows(
        {name: each.numbers for name, each in found.items()},
        dict(kinds),
        {name: each.texts for name, each in found.items() if kinds[name] == "category"},
        (*MISSING, *data.null_values),
        {name: vars(each.written) for name, each in found.items() if each.written != USUAL},
    )
