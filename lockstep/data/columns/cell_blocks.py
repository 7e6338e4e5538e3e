"""A column's cells a block at a time, so that memory doesn't grow with the rows."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from lockstep.data.readers.cells import Cells
from lockstep.process.memory_bound import bounded

BYTES = 2**22  # of a block
MOST = 2**17  # rows of a block
Clean: TypeAlias = Callable[[Cells], Cells]


class CellBlocks:
    """The cells of a column, (n,), in order; each block as `clean` returns it."""

    def __init__(self, cells: Cells | pa.Array, clean: Clean = lambda cells: cells) -> None:
        self.cells = cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells])
        self.clean = clean
        plain = not pa.types.is_dictionary(self.cells.type)
        width = self.cells.nbytes // max(1, len(self.cells)) if plain else 1
        self.rows = min(bounded(MOST), max(1, bounded(BYTES) // max(1, width)))

    def __len__(self) -> int:
        return len(self.cells)

    def __iter__(self) -> Iterator[Cells]:
        for at in range(0, len(self.cells), self.rows):
            yield self.clean(self.cells.slice(at, self.rows))

    def numbered(self) -> Iterator[tuple[int, Cells]]:
        """Yield blocks with the index of their first cell."""
        at = 0
        for block in self:
            yield at, block
            at += len(block)

    def texts(self) -> "CellBlocks":
        """Return the same cells as texts instead of dictionaries."""
        return CellBlocks(self.cells, lambda cells: self.clean(cells).cast(pa.string()))

    def cell(self, index: int) -> str | None:
        """Return one cell."""
        found: str | None = self.clean(self.cells.slice(index, 1))[0].as_py()
        return found

    def first(self, are_so: Callable[[Cells], pa.ChunkedArray]) -> int:
        """Return the index of the first cell that is so, -1 without one."""
        for at, block in self.numbered():
            found = pc.index(are_so(block), True).as_py()
            if found >= 0:
                return int(at + found)
        return -1


def blocks_of(cells: "Cells | pa.Array | CellBlocks") -> CellBlocks:
    """Return blocks of cells; blocks as they are."""
    return cells if isinstance(cells, CellBlocks) else CellBlocks(cells)


def different(cells: CellBlocks, most: int, most_bytes: int) -> pa.Array | None:
    """Return the different cells in the order in which they come, without missing ones.

    None if there are more than so many, or if they take more bytes: how many isn't known then.
    """
    known: pa.Array | None = None
    for block in cells:
        values = pc.drop_null(pc.unique(block)).cast(pa.string())
        fresh = values if known is None else values.filter(pc.invert(pc.is_in(values, known)))
        known = fresh if known is None else pa.concat_arrays([known, fresh])
        if len(known) > most or known.nbytes > most_bytes:
            return None
    return known if known is not None else pa.array([], pa.string())
