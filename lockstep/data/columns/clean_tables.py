"""A table whose missing cells are known, and the numbers of columns that have nothing else."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lockstep.config.schema import Data
from lockstep.data.columns.cell_blocks import CellBlocks
from lockstep.data.columns.parallel import for_columns
from lockstep.data.readers.cell_files import CLEAN
from lockstep.data.readers.cells import Cells, is_number, is_text, without_missing
from lockstep.data.readers.typed_columns import number_columns, numbers_of


class CleanTable(NamedTuple):
    """Texts without blanks around them, null where a cell is missing; or a file's own types."""

    table: pa.Table
    numbers: dict[str, np.ndarray]  # of columns of plain numbers, NaN where missing
    null_values: tuple[str, ...]

    def texts(self, name: str) -> Cells:
        """Return a column's cells as texts, null where they are missing."""
        return self.encoded(name).cast(pa.string())

    def encoded(self, name: str) -> Cells:
        """Return the same; texts that repeat may be a dictionary of them, which takes less time."""
        column = self.table[name]
        if is_text(column.type):
            return column
        return without_missing(column.cast(pa.string()), self.null_values)

    def blocks(self, name: str) -> CellBlocks:
        """Return the same a block at a time."""
        column = self.table[name]
        if is_text(column.type):
            return CellBlocks(column)
        nulls = self.null_values
        return CellBlocks(column, lambda cells: without_missing(cells.cast(pa.string()), nulls))

    def doubles(self, name: str) -> Iterator[np.ndarray] | None:
        """Return blocks of numbers, NaN where missing, of a column that a file has as such."""
        column = self.table[name]
        plain = pa.types.is_float64(column.type) or pa.types.is_integer(column.type)
        if not plain or any(map(is_number, self.null_values)):
            return None
        blocks = CellBlocks(column, lambda cells: pc.cast(cells, pa.float64(), safe=False))
        if any(pc.any(pc.is_inf(block), min_count=0).as_py() for block in blocks):
            return None
        return (block.to_numpy() for block in blocks)


def clean_table(table: pa.Table, data: Data) -> CleanTable:
    """Return a table as read, with texts cleaned unless they are."""
    numbers = {name: numbers_of(table, name) for name in number_columns(table)}
    if table.schema.metadata == CLEAN:
        return CleanTable(table, numbers, tuple(data.null_values))

    def clean(at: str) -> pa.ChunkedArray:
        column = table.column(int(at))
        if not is_text(column.type):
            return column
        return without_missing(column.cast(pa.string()), data.null_values)

    columns = for_columns(map(str, range(table.num_columns)), clean)
    cleaned = pa.Table.from_arrays(list(columns.values()), table.column_names)
    return CleanTable(cleaned, numbers, tuple(data.null_values))
