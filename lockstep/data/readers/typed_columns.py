"""Read a delimited text file by columns into files, which are mapped: numbers and clean texts."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.config.schema import Data
from lockstep.data.readers.cell_files import CLEAN, CellFile
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

NUMBERS = {b"cells": b"numbers"}  # marks a column whose texts were all numbers


def read_columns(path: Path, data: Data, train: pa.Table | None, scratch: Path) -> pa.Table:
    """Return a file's table; columns of plain numbers alone are float64, in `scratch`.

    Columns of few different numbers, which may be codes, stay texts; of another split's file than
    that of the table `train` also those that are texts there.
    """
    dialect = detect(path, data)
    texts = text_columns(dialect.names, data)
    if data.decimal or data.thousands or any(map(is_number, data.null_values)):
        texts = {*dialect.names}
    elif train is not None:
        texts = {*dialect.names} - {*number_columns(train)}
    columns: dict[str, _Column] = {}

    def collect(batches: Iterable[pa.RecordBatch]) -> pa.Table:
        columns.clear()
        for batch in batches:
            for number, name in enumerate(batch.schema.names):
                if name not in columns:
                    file = scratch / f"{path.stem}-column{number}.numbers"
                    columns[name] = _Column(file, data, may_be_numbers=name not in texts)
                columns[name].add(batch.column(number))
        return _table({name: each for name, each in columns.items() if not each.is_cut})

    table = read_batches(path, dialect, collect)
    cut = [name for name, each in columns.items() if each.is_cut]
    if not cut:
        return table

    def collect_cut(batches: Iterable[pa.RecordBatch]) -> pa.Table:
        for name in cut:
            columns[name].start_texts()
        for batch in batches:
            for name, cells in zip(cut, batch.columns, strict=True):
                columns[name].add(cells)
        return _table({name: columns[name] for name in cut})

    read_batches(path, dialect, collect_cut, cut)
    return _table(columns)


class _Column:
    """The cells of a column so far, in a file: numbers as long as all are such, else texts."""

    def __init__(self, file: Path, data: Data, *, may_be_numbers: bool) -> None:
        self.file = file if may_be_numbers else None
        self.null_values = data.null_values
        self.is_cut = False  # whether texts are missing, since the first cells were numbers
        self.texts_file = file.with_suffix(".texts")
        self.texts = CellFile(self.texts_file)
        file.unlink(missing_ok=True)

    def add(self, cells: pa.Array) -> None:
        """Add the cells of a batch."""
        found = self._numbers(pa.chunked_array([cells])) if self.file else None
        if found is not None and self.file:
            with self.file.open("ab") as file:
                found.to_numpy().tofile(file)  # NaN where a cell is missing
            return
        if self.file:
            self.is_cut, self.file = self.file.exists(), None
        if not self.is_cut:
            self._add_texts(pa.chunked_array([cells]))

    def _add_texts(self, cells: pa.ChunkedArray) -> None:
        for clean in without_missing(cells, self.null_values).chunks:
            self.texts.add(clean)

    def _numbers(self, cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
        found = plain_doubles(cells)  # of most columns: without blanks and missing cells
        clean = cells if found is not None else without_missing(cells, self.null_values)
        found = found if found is not None else plain_doubles(clean)
        is_first = self.file is not None and not self.file.exists()
        if found is None or not is_first:
            return found
        there = pc.drop_null(clean.slice(0, FIRST))
        return found if len(there) and not has_few_values(there) else None

    def start_texts(self) -> None:
        """Start anew with texts, all of which are to be added."""
        self.is_cut, self.texts = False, CellFile(self.texts_file)

    def array(self) -> pa.ChunkedArray:
        """Return all cells."""
        if self.file is None:
            return self.texts.array()
        return pa.chunked_array([pa.array(np.memmap(self.file, np.float64, "r"), from_pandas=True)])


def _table(columns: dict[str, _Column]) -> pa.Table:
    arrays = {name: each.array() for name, each in columns.items()}
    fields = [
        pa.field(name, each.type, metadata=NUMBERS if columns[name].file else None)
        for name, each in arrays.items()
    ]
    pa.default_memory_pool().release_unused()  # what batches took
    return pa.Table.from_arrays(list(arrays.values()), schema=pa.schema(fields, CLEAN))


def number_columns(table: pa.Table) -> list[str]:
    """Return the columns whose texts were all numbers, or missing."""
    return [each.name for each in table.schema if each.metadata == NUMBERS]


def numbers_of(table: pa.Table, name: str) -> np.ndarray:
    """Return the numbers of such a column as they lie on the disk, NaN where one is missing."""
    (chunk,) = table[name].chunks
    return np.frombuffer(chunk.buffers()[1], np.float64)
