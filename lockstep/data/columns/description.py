"""What preprocessing needs of each of a table's columns: categories, origin, fill, statistics.

Numbers that don't fit into a block are gathered in a file, sorted there if need be: their order,
and so the order in which NumPy adds them, is that of an array in memory.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Normalize
from lockstep.data.blocks import blocks, collected
from lockstep.data.columns.parallel import for_columns
from lockstep.data.columns.rows import Rows
from lockstep.data.deviation import deviation
from lockstep.data.float32 import origin_of
from lockstep.data.spec.columns import OTHER, PARTS, Column


def describe(name: str, train: Rows, normalize: Normalize, scratch: Path | None) -> Column:
    """Return what preprocessing needs of a column of the training split."""
    kind = train.kinds[name]
    if kind in PARTS or kind == "category":
        return _category(name, train, kind)
    there = _there((part for _, part in train.parts(name)), len(train), scratch)
    missing, is_date = len(there) < len(train), kind == "date"
    origin = (
        float(np.floor(there.min())) if is_date else origin_of(f"column {name!r}", there, scratch)
    )
    return Column(
        kind,
        missing=missing,
        origin=origin,
        fill=_fill(there, origin, normalize.missing, scratch),
        indicator=missing and normalize.missing_indicator,
        written=dict(train.written.get(name, {})),
    )


def _there(parts: Iterable[np.ndarray], most: int, scratch: Path | None) -> np.ndarray:
    """Return the numbers that aren't missing, of at most so many."""
    return collected((part[~np.isnan(part)] for part in parts), most, scratch)


def _category(name: str, train: Rows, kind: str) -> Column:
    numbers = {number for _, part in train.parts(name) for number in np.unique(part).tolist()}
    missing = -1 in numbers
    if kind in PARTS:
        return Column(kind, [OTHER, *PARTS[kind]], missing=missing, source=train.sources[name])
    texts = sorted({train.texts[name][number] for number in numbers if number >= 0})
    return Column(kind, [OTHER, *texts], missing=missing)


def _fill(
    there: np.ndarray, origin: float, missing: str | float, scratch: Path | None
) -> float | None:
    if missing == "refuse" or not len(there):
        return None
    if missing in ("mean", "median"):
        stored = collected((there[each] - origin for each in blocks(there)), len(there), scratch)
        return float(stored.mean()) if missing == "mean" else _median(stored)
    return 0.0 if missing == "constant" else float(missing)


def _median(numbers: np.ndarray) -> float:
    """Sort numbers where they are, and return their median."""
    numbers.sort()
    return float(numbers[(len(numbers) - 1) // 2 : len(numbers) // 2 + 1].mean())


def statistics_of(x: np.ndarray, scratch: Path | None) -> dict[str, Any]:
    """Minimum, maximum, mean and standard deviation of each column, without missing numbers."""

    def compute(at: str) -> dict[str, float]:
        parts = (x[rows, int(at)].astype(np.float64) for rows in blocks(x))
        there = _there(parts, len(x), scratch)
        return {
            "minimum": float(there.min()),
            "maximum": float(there.max()),
            "mean": float(there.mean()),
            "deviation": deviation(there),
        }

    of_columns = list(for_columns(map(str, range(x.shape[1])), compute).values())
    return {name: [each[name] for each in of_columns] for name in of_columns[0]}
