"""Cells of a table's column in a file, written batch by batch and mapped."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.readers.cells import FIRST

CLEAN = {b"cells": b"clean"}  # marks a table whose texts are clean
REPEATED = 0.1  # share of different texts up to which each is kept once
KEPT = 2**24  # bytes of texts that are kept once


class CellFile:
    """The cells of a column so far; of texts that repeat, each is in memory once."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known: pa.Array | None = None  # texts that repeat
        file.unlink(missing_ok=True)

    def add(self, cells: pa.Array) -> None:
        """Add the cells of a batch, all batches of one type."""
        if not self.file.exists() and pa.types.is_string(cells.type):
            first = cells.slice(0, FIRST)
            if len(first.unique()) <= REPEATED * len(first):
                self.known = pa.array([], pa.string())
        _append(self.file, cells if self.known is None else self._numbered(cells))
        if self.known is not None and self.known.nbytes > KEPT:
            self._keep_all()

    def _numbered(self, cells: pa.Array) -> pa.Array:
        """The number of each text among those that are known, to which new ones are added."""
        encoded = cells.dictionary_encode()
        values = encoded.dictionary
        new = values.filter(pc.invert(pc.is_in(values, self.known)))
        if len(new):
            self.known = pa.concat_arrays([self.known, new])
        return pc.index_in(values, self.known).take(encoded.indices)

    def _keep_all(self) -> None:
        """Write texts, which turned out to be many, as they are."""
        numbered, whole = self.array(), self.file.with_suffix(".whole")
        for chunk in numbered.chunks:
            _append(whole, chunk.cast(pa.string()))
        self.known = None
        whole.replace(self.file)

    def array(self) -> pa.ChunkedArray:
        """Return all cells, mapped; texts that repeat as a dictionary, the same in all parts."""
        chunks = list(_chunks(self.file))
        if self.known is not None:
            chunks = [pa.DictionaryArray.from_arrays(each, self.known) for each in chunks]
        return pa.chunked_array(chunks)


def _append(file: Path, cells: pa.Array) -> None:
    batch = pa.record_batch([cells], [""])
    with file.open("ab") as opened, pa.ipc.new_stream(opened, batch.schema) as stream:
        stream.write_batch(batch)


def _chunks(file: Path) -> Iterator[pa.Array]:
    """Yield the parts of a column that were written as streams, one after the other, mapped."""
    with pa.memory_map(str(file)) as mapped:
        while mapped.tell() < mapped.size():
            for batch in pa.ipc.open_stream(mapped):
                yield batch.column(0)
