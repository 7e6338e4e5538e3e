"""Numbers and names that a table gives each row: weights, groups and times."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.config.schema import Data
from lockstep.data.columns.cell_blocks import CellBlocks
from lockstep.data.columns.clean_tables import CleanTable, clean_table
from lockstep.data.columns.conversion import convert
from lockstep.data.columns.dates import MIXED
from lockstep.data.columns.kinds import infer_column
from lockstep.data.readers.raw_data import RawData, SplitKeys
from lockstep.data.spec.example_error import ExampleError


def with_keys(raw: RawData, data: Data) -> RawData:
    """Return the training examples with weights, and what splits are drawn by, from cells."""
    cells = {name: pa.array(each, pa.string()) for name, each in raw.cells.items()}
    table = clean_table(pa.table(cells), data)
    rows = raw.rows["train"]
    weights = sample_weights("train", table, data)
    x, y = raw.splits["train"]
    splits = {"train": (x, y, None if weights is None else weights[rows])}
    return replace(raw, splits=splits, keys={"train": keys_of("train", table, data).at(rows)})


def sample_weights(split: str, table: CleanTable, data: Data) -> np.ndarray | None:
    """Return each row's weight, (n,), or None; raises ExampleError for a cell without a number."""
    if data.sample_weight is None:
        return None
    return _numbers(split, table, data, data.sample_weight, "number")


def keys_of(split: str, table: CleanTable, data: Data) -> SplitKeys:
    """Return what splits are drawn by; raises ExampleError for a cell without a group or time."""
    return SplitKeys(_groups(split, table, data), _times(split, table, data))


def _groups(split: str, table: CleanTable, data: Data) -> np.ndarray | None:
    if data.group is None:
        return None
    cells = table.blocks(data.group)
    _refuse_missing(split, cells, data.group)
    known: dict[str, str] = {}  # each text is in memory once
    texts = (cell for block in cells for cell in block.to_pylist())
    return np.fromiter((known.setdefault(each, each) for each in texts), object, len(cells))


def _times(split: str, table: CleanTable, data: Data) -> np.ndarray | None:
    if data.time is None:
        return None
    found = infer_column(table, data.time, data)
    kind = "date" if found.kind == "date" or found.why == MIXED else "number"
    return _numbers(split, table, data, data.time, kind)


def _numbers(split: str, table: CleanTable, data: Data, name: str, kind: str) -> np.ndarray:
    cells = table.blocks(name)
    _refuse_missing(split, cells, name)
    found = convert(cells, kind)
    if found.wrong is not None:
        expected = "a number" if name == data.sample_weight else "a number or an ISO date"
        why = f": {found.problem}" if found.problem else f", expected {expected}"
        problem = f"is {cells.cell(found.wrong)!r}{why}"
        raise ExampleError(f"{split} split", found.wrong, f"column {name!r}", problem)
    return found.numbers


def _refuse_missing(split: str, cells: CellBlocks, name: str) -> None:
    missing = cells.first(pc.is_null)
    if missing >= 0:
        problem = "is missing, expected a value in each row"
        raise ExampleError(f"{split} split", missing, f"column {name!r}", problem)
