"""Inputs and targets of one split, in memory or memory-mapped."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

Part = TypeVar("Part")
Parts = np.ndarray | Mapping[str, np.ndarray]  # one array, or several by name
X, Y, SAMPLE_WEIGHT = "x", "y", "sample_weight"  # names of arrays that have none


class Examples(NamedTuple):
    """Inputs and targets of one split, each of shape (n, ...): one array, or several by name.

    Without targets, `y` is an empty dict. `sample_weight`, (n,), is each example's weight in the
    loss; None weighs all alike.
    """

    x: Parts
    y: Parts
    sample_weight: np.ndarray | None = None

    @property
    def named(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        sample_weight = {} if self.sample_weight is None else {SAMPLE_WEIGHT: self.sample_weight}
        return {**as_dict(self.x, X), **as_dict(self.y, Y), **sample_weight}

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays, in the order of `named`."""
        return tuple(self.named.values())

    @property
    def size(self) -> int:
        """Number of examples."""
        return len(self.arrays[0])

    def at(self, indices: np.ndarray) -> "Examples":
        """Return the examples at these indices."""
        return Examples(*self.packed([array[indices] for array in self.arrays]))

    def packed(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """Return one value for each of `arrays` as (x, y) or (x, y, sample_weight)."""
        rest = iter(flat)
        x, y = (
            {name: next(rest) for name in part} if isinstance(part, Mapping) else next(rest)
            for part in (self.x, self.y)
        )
        return (x, y, *rest)


def as_dict(parts: Part | Mapping[str, Part], name: str) -> dict[str, Part]:
    """Return a mapping as a dict, and a single value as {name: value}."""
    return dict(parts) if isinstance(parts, Mapping) else {name: parts}


def unwrap_single(parts: Mapping[str, Part]) -> Part | dict[str, Part]:
    """Return the only value of a mapping, or all by name; Keras takes both forms."""
    return next(iter(parts.values())) if len(parts) == 1 else dict(parts)
