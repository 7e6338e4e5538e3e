"""Read a delimited text file by columns into files, which are mapped: numbers and clean texts."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
REPEATED = 0.1  # share of different texts up to which each is kept once


def read_columns(path: Path, data: Data, train: pa.Table | None, scratch: Path) -> pa.Table:
    """Return a file's table; columns of plain numbers alone are float64, in `scratch`.

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
                    columns[name] = _Column(file, data, may_be_numbers=name not in texts)
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
    """The cells of a column so far, in a file: numbers as long as all are such, else texts."""

    def __init__(self, file: Path, data: Data, *, may_be_numbers: bool) -> None:
        self.file = file if may_be_numbers else None
        self.texts_file, self.null_values = file.with_suffix(".texts"), data.null_values
        self.repeat = False  # whether texts repeat, which takes less memory
        self.is_cut = False  # whether texts are missing, since the first cells were numbers
        for each in (file, self.texts_file):
            each.unlink(missing_ok=True)

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
        clean = without_missing(cells, self.null_values)
        if not self.texts_file.exists():
            first = clean.slice(0, FIRST)
            self.repeat = len(pc.unique(first)) <= REPEATED * len(first)
        table = pa.table({"": pc.dictionary_encode(clean) if self.repeat else clean})
        with self.texts_file.open("ab") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)

    def _numbers(self, cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
        found = plain_doubles(cells)  # of most columns: without blanks and missing cells
        clean = cells if found is not None else without_missing(cells, self.null_values)
        found = found if found is not None else plain_doubles(clean)
        is_first = self.file is not None and not self.file.exists()
        if found is None or not is_first:
            return found
        there = pc.drop_null(clean.slice(0, FIRST))
        return found if len(there) and not has_few_values(there) else None

    def replace(self, cells: pa.ChunkedArray) -> None:
        """Set all cells, which were read again."""
        self.is_cut = False
        self._add_texts(cells)

    def array(self) -> pa.ChunkedArray:
        """Return all cells."""
        if self.file is None:
            return pa.chunked_array(list(_chunks(self.texts_file))).unify_dictionaries()
        return pa.chunked_array([pa.array(np.memmap(self.file, np.float64, "r"), from_pandas=True)])


def _chunks(file: Path) -> Iterator[pa.Array]:
    """Yield the parts of a column that were written as streams, one after the other, mapped."""
    with pa.memory_map(str(file)) as mapped:
        while mapped.tell() < mapped.size():
            for batch in pa.ipc.open_stream(mapped):
                yield batch.column(0)


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
