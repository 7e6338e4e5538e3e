"""Read a delimited text file by columns: numbers into files, which are mapped, and clean texts."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa

from lockstep.config.schema import Data
from lockstep.data.readers.cells import (
    FIRST,
    has_few_values,
    is_number,
    plain_doubles,
    without_missing,
)
from lockstep.data.readers.column_roles import text_columns
from lockstep.data.readers.delimited_files import read_batches
from lockstep.data.readers.dialects import detect

# Marks of a table whose texts are clean, and of a column whose texts were all numbers.
CLEAN, NUMBERS = {b"cells": b"clean"}, {b"cells": b"numbers"}


def read_columns(path: Path, data: Data, train: pa.Table | None, scratch: Path) -> pa.Table:
    """Return a file's table; columns whose cells are all plain numbers are float64, in `scratch`.

    Columns of few different numbers, which may be codes, stay texts; of another split's file than
    that of the table `train` also those that are texts there.
    """
    dialect = detect(path, data)
    if data.decimal or data.thousands or any(map(is_number, data.null_values)):
        return read_batches(path, dialect, pa.Table.from_batches)
    texts = text_columns(dialect.names, data)
    if train is not None:
        texts = {*dialect.names} - {*number_columns(train)}
    columns: dict[str, _Column] = {}

    def collect(batches: Iterable[pa.RecordBatch]) -> pa.Table:
        columns.clear()
        for batch in batches:
            for number, name in enumerate(batch.schema.names):
                if name not in columns:
                    file = scratch / f"{path.stem}-column{number}.numbers"
                    columns[name] = _Column(None if name in texts else file, data)
                columns[name].add(batch.column(number))
        return _table({name: each for name, each in columns.items() if not each.is_cut})

    table = read_batches(path, dialect, collect)
    cut = [name for name, each in columns.items() if each.is_cut]
    if not cut:
        return table
    again = read_batches(path, dialect, pa.Table.from_batches, cut)
    for name in cut:
        columns[name].replace(again[name])
    return _table(columns)


class _Column:
    """The cells of a column so far: numbers in a file as long as all are such, else texts."""

    def __init__(self, file: Path | None, data: Data) -> None:
        self.file, self.null_values = file, data.null_values
        self.texts: list[pa.Array] = []
        self.is_cut = False  # whether texts are missing, since the first cells were numbers
        if file:
            file.unlink(missing_ok=True)

    def add(self, cells: pa.Array) -> None:
        """Add the cells of a batch."""
        found = self._numbers(pa.chunked_array([cells])) if self.file else None
        if found is not None and self.file:
            with self.file.open("ab") as file:
                found.to_numpy().tofile(file)
            return
        if self.file:
            self.is_cut, self.file = self.file.exists(), None
        if not self.is_cut:
            self.texts += without_missing(pa.chunked_array([cells]), self.null_values).chunks

    def _numbers(self, cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
        is_first = self.file is not None and not self.file.exists()
        if is_first and has_few_values(cells.slice(0, FIRST)):
            return None
        return plain_doubles(cells)

    def replace(self, cells: pa.ChunkedArray) -> None:
        """Set all cells, which were read again."""
        self.is_cut, self.texts = False, without_missing(cells, self.null_values).chunks

    def array(self) -> pa.ChunkedArray:
        """Return all cells."""
        if self.file is None:
            return pa.chunked_array(self.texts, pa.string())
        return pa.chunked_array([pa.array(np.memmap(self.file, np.float64, "r"))])


def _table(columns: dict[str, _Column]) -> pa.Table:
    fields = [
        pa.field(name, pa.float64(), metadata=NUMBERS) if each.file else pa.field(name, pa.string())
        for name, each in columns.items()
    ]
    arrays = [each.array() for each in columns.values()]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, CLEAN))


def number_columns(table: pa.Table) -> list[str]:
    """Return the columns whose texts were all numbers."""
    return [each.name for each in table.schema if each.metadata == NUMBERS]
