"""A table's input columns, from which examples are taken as from an array."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lockstep.data.columns.parallel import for_columns


@dataclass(frozen=True)
class Rows:
    """Columns by name, each (n,): float64 with NaN, or the number of a category, -1 if missing."""

    columns: Mapping[str, np.ndarray]
    kinds: Mapping[str, str]
    texts: Mapping[str, list[str]]  # of each category column, by number
    null_values: tuple[str, ...] = ()  # texts that stand for a missing cell
    sources: Mapping[str, str] = field(default_factory=dict)  # columns of dates, of their parts
    written: Mapping[str, dict[str, Any]] = field(default_factory=dict)  # how numbers are written

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, indices: Any) -> "Rows":
        return replace(
            self, columns=for_columns(self.columns, lambda name: self.columns[name][indices])
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return len(self), len(self.columns)
