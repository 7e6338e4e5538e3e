"""Sample pictures of the training split, as a card shows them: in rows by class."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lockstep.data.card.values import spaced
from lockstep.data.spec import Input, Target

ROWS, ACROSS = 10, 8
LOOKED_AT = 100_000  # targets among which examples of each class are looked for
GREY, RGB = 2, 3


def sample_pictures(
    found: Input, x: np.ndarray, target: Target | None, y: np.ndarray | None
) -> list[tuple[str, list[np.ndarray]]]:
    """Return rows of pictures of bytes, with the name of each row's class if there are classes."""
    by_class = target is not None and target.kind == "classification" and y is not None
    rows = _by_class(target, y) if by_class else _evenly_spaced(len(x))  # type: ignore[arg-type]
    return [
        (name, [_as_bytes(x[each], found.statistics) for each in indices]) for name, indices in rows
    ]


def _evenly_spaced(size: int) -> list[tuple[str, Sequence[int]]]:
    """Rows of indices without names."""
    every = range(size)[spaced(size, ROWS // 2 * ACROSS)]
    return [("", every[at : at + ACROSS]) for at in range(0, len(every), ACROSS)]


def _by_class(target: Target, y: np.ndarray) -> list[tuple[str, Sequence[int]]]:
    """Indices of the first examples of the first classes, with the class's name."""
    step = spaced(len(y), LOOKED_AT).step
    labels = np.asarray(y[::step])
    rows = [
        (name, [int(step * at) for at in np.flatnonzero(labels == number)[:ACROSS]])
        for number, name in enumerate(target.classes[:ROWS])
    ]
    return [row for row in rows if row[1]]


def _as_bytes(picture: np.ndarray, statistics: dict[str, Any]) -> np.ndarray:
    """A picture's levels, from the least to the largest of all, as 0 to 255; grey or RGB."""
    low, high = statistics["minimum"], statistics["maximum"]
    levels = (np.asarray(picture, np.float64) - low) / ((high - low) or 1) * 255
    if levels.ndim > GREY and levels.shape[-1] != RGB:
        levels = levels.mean(axis=-1)
    return np.round(levels).clip(0, 255).astype(np.uint8)
