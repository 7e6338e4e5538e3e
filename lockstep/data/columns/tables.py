"""A table as examples: its target, and inputs of its columns and of each text column."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.config.schema import Data
from lockstep.data.blocks import gathered
from lockstep.data.columns.cell_blocks import CellBlocks
from lockstep.data.columns.clean_tables import CleanTable, clean_table
from lockstep.data.columns.dates import check_zones
from lockstep.data.columns.kinds import REFUSE, Kind, decide
from lockstep.data.columns.number_formats import all_match, find_format, to_doubles
from lockstep.data.columns.row_keys import keys_of, sample_weights
from lockstep.data.columns.table_rows import given_format, rows_of
from lockstep.data.readers.column_roles import roles_of, say_default_target
from lockstep.data.readers.raw_data import RawData
from lockstep.data.readers.stored_texts import Texts, write_texts
from lockstep.data.spec import SAMPLE_WEIGHT, Examples, X, Y, unwrap_single
from lockstep.data.spec.example_error import ExampleError
from lockstep.errors import DataError
from lockstep.process import console
from lockstep.storage.atomic_files import unused_path

WHOLE = r"^[+-]?\d{1,18}$"
AT_ONCE = 10_000  # texts


def examples_of(
    tables: Mapping[str, pa.Table],
    data: Data,
    missing: str | float = REFUSE,
    scratch: Path | None = None,
) -> RawData:
    """Return the examples of each split; kinds are those of the training split's columns.

    Columns of numbers and of texts lie on the disk if there is a folder `scratch`.

    Raises ParamsError for a target that isn't there, DataError for a cell of another kind.
    """
    clean = {split: clean_table(each, data) for split, each in tables.items()}
    names = clean["train"].table.column_names
    roles = roles_of(names, data)
    kinds = decide(clean["train"], data, roles.others, missing)
    say_default_target(names, data)
    splits, keys, rows = {}, {}, {}
    for split, table in clean.items():
        _check_columns(split, table.table, (*kinds, *roles.others))
        kept = _with_targets(split, table, roles.targets, data)
        splits[split] = _examples(split, table, kept, data, kinds, roles.targets, scratch)
        keys[split] = keys_of(split, table, data).at(kept)
        rows[split] = kept
    check_zones((name for name, kind in kinds.items() if kind.name == "date"), clean)
    why = {name: (kind.name, kind.why) for name, kind in kinds.items()}
    return RawData(splits, keys, rows, why)


def _check_columns(split: str, table: pa.Table, names: Iterable[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise DataError(f"{split} split: no column {missing[0]!r}, expected it as in train")


def _examples(
    split: str,
    table: CleanTable,
    kept: np.ndarray,
    data: Data,
    kinds: Mapping[str, Kind],
    targets: list[str],
    scratch: Path | None,
) -> Examples:
    used = {name: kind.name for name, kind in kinds.items() if kind.name != "drop"}
    texts = {name: _texts(table, name, scratch) for name, kind in used.items() if kind == "text"}
    rows = {name: kinds[name] for name, kind in used.items() if kind != "text"}
    x: dict[str, Any] = {X: rows_of(split, table, rows, data, scratch)} if rows else {}
    x |= texts
    if not x:
        raise DataError(f"{split} split: no column is left as input, expected one at least")
    _check_array_names(
        [*([X] if rows else []), *texts, *(targets if len(targets) > 1 else [Y]), SAMPLE_WEIGHT]
    )
    weights, whole = sample_weights(split, table, data), len(kept) == len(table.table)

    def target(name: str) -> np.ndarray:
        cells = table.blocks(name).texts()
        if not whole:
            cells = CellBlocks(table.texts(name).take(pa.array(kept)))
        return _target_values(cells, data, scratch and unused_path(scratch, f"{split}-y", ".bin"))

    values = {name: target(name) for name in targets}
    return Examples(
        _named({name: each if whole else each[kept] for name, each in x.items()}),
        unwrap_single(values),
        None if weights is None else weights[kept],
    )


def _named(x: dict[str, Any]) -> Any:
    """Return inputs by name; alone only the table, since a text is served by its column's name."""
    return unwrap_single(x) if X in x else x


def _check_array_names(names: list[str]) -> None:
    """Raise DataError for columns of texts, or several targets, that can't name an array."""
    for name in names:
        if "/" in name or name.startswith(".") or names.count(name) > 1:
            raise DataError(
                f"column {name!r} becomes an array of its own, which can't be called so; rename it"
            )


def _with_targets(split: str, table: CleanTable, targets: list[str], data: Data) -> np.ndarray:
    """The indices of the rows that have all targets."""
    there = np.ones(len(table.table), bool)
    for name in targets:
        valid = gathered((np.asarray(block.is_valid()) for block in table.blocks(name)), bool, None)
        there &= valid
        count = int((~valid).sum())
        if count and not data.drop_missing_targets:
            raise ExampleError(
                f"{split} split", int(np.argmin(valid)), f"target {name!r}",
                f"is missing, as in {count} rows: add it, or set data.drop_missing_targets to true",
            )  # fmt: skip
    count = int((~there).sum())
    if count:
        console.say(f"{count} rows of the {split} split have no target, and are left out")
    return np.flatnonzero(there)


def _target_values(cells: CellBlocks, data: Data, path: Path | None) -> np.ndarray:
    if all_match(cells, WHOLE):
        return gathered((each.cast(pa.int64()).to_numpy() for each in cells), np.int64, path)
    written = given_format(data) or find_format(cells)
    if written and not any(to_doubles(each, written).null_count for each in cells):
        return gathered((to_doubles(each, written).to_numpy() for each in cells), float, path)
    return _target_texts(cells, path)


def _target_texts(cells: CellBlocks, path: Path | None) -> np.ndarray:
    length = max((pc.max(pc.utf8_length(each)).as_py() or 0 for each in cells), default=0)
    return gathered((np.array(each.to_pylist(), str) for each in cells), f"U{length or 1}", path)


def _texts(table: CleanTable, name: str, scratch: Path | None) -> np.ndarray | Texts:
    texts = (cell or "" for chunk in table.texts(name).chunks for cell in _in_python(chunk))
    return np.array(list(texts), object) if scratch is None else write_texts(texts, scratch)


def _in_python(cells: pa.Array) -> Iterator[str | None]:
    """Yield cells, of which only a part is in memory as Python's texts."""
    for at in range(0, len(cells), AT_ONCE):
        yield from cells.slice(at, AT_ONCE).to_pylist()
