"""A data set's examples as they were read, before splits are drawn and values are stored."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


class SplitKeys(NamedTuple):
    """What splits are drawn by, each (n,): the examples' groups, or their times."""

    group: np.ndarray | None = None
    time: np.ndarray | None = None  # numbers

    def at(self, chosen: np.ndarray) -> "SplitKeys":
        """Return the keys of these examples."""
        return SplitKeys(*(None if each is None else each[chosen] for each in self))


@dataclass(frozen=True)
class RawData:
    """The examples of the splits that the files have, as (x, y, sample_weight) or less."""

    splits: Mapping[str, Any]
    keys: Mapping[str, SplitKeys] = field(default_factory=dict)
    # The examples' rows in the file, of splits whose examples aren't all rows in their order.
    rows: Mapping[str, np.ndarray] = field(default_factory=dict)
    # Of a table's columns, by name in the file's order: the kind, and why it was taken for that.
    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    # Of the training split's file, by row: columns of weights, and what splits are drawn by.
    cells: Mapping[str, list[str]] = field(default_factory=dict)
