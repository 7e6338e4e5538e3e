"""A table's input columns, from which examples are taken as from an array."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lockstep.data.blocks import blocks


@dataclass(frozen=True)
class Rows:
    """Columns of all rows by name: float64 with NaN, or the number of a category, -1 if missing."""

    columns: Mapping[str, np.ndarray]
    kinds: Mapping[str, str]
    texts: Mapping[str, list[str]]  # of each category column, by number
    null_values: tuple[str, ...] = ()  # texts that stand for a missing cell
    sources: Mapping[str, str] = field(default_factory=dict)  # columns of dates, of their parts
    written: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # how numbers are written

    chosen: np.ndarray | None = None  # the rows that these are; None: all

    def __len__(self) -> int:
        if self.chosen is not None:
            return len(self.chosen)
        return len(next(iter(self.columns.values())))

    def __getitem__(self, indices: Any) -> "Rows":
        if self.chosen is not None:
            return replace(self, chosen=self.chosen[indices])
        # Other columns are taken by the same indices, which are in memory once.
        numbers = isinstance(indices, np.ndarray) and indices.dtype.kind in "iu"
        return replace(self, chosen=indices if numbers else np.arange(len(self))[indices])

    def column(self, name: str) -> np.ndarray:
        """Return a column of the chosen rows, which are only copied here."""
        values = self.columns[name]
        return values if self.chosen is None else values[self.chosen]

    def parts(self, name: str) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield a column in blocks, each with the rows that it has."""
        values = self.columns[name]
        for rows in blocks(values[: len(self)]):
            yield rows, values[rows if self.chosen is None else self.chosen[rows]]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self), len(self.columns)
