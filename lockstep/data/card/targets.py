"""How many examples of each split have each class or label, or numbers in each of equal parts."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from lockstep.data.blocks import blocks
from lockstep.data.card.values import BINS, histogram, number, sampled
from lockstep.data.spec import Target

DIGITS = 2  # of a part's size that are shown
DENSE = 256  # examples with a target for each pixel or step of which values are counted


def count_values(
    name: str, target: Target, splits: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    """Return a row for each class, label or part, with the counts of each split by its name."""
    known = {split: sampled(y, DENSE) if target.is_dense else y for split, y in splits.items()}
    labels, counts = _parts(known) if target.values == "numbers" else _classes(target, known)
    return [
        {"target": name, "value": label, **{split: int(each[at]) for split, each in counts.items()}}
        for at, label in enumerate(labels)
    ]


def _classes(
    target: Target, splits: Mapping[str, np.ndarray]
) -> tuple[list[str], dict[str, np.ndarray]]:
    def count(block: np.ndarray) -> np.ndarray:
        if target.values == "labels":
            return np.asarray((block > 0).sum(axis=0))
        return np.bincount(block.ravel(), minlength=len(target.classes))

    return target.classes, _counted(splits, count)


def _parts(splits: Mapping[str, np.ndarray]) -> tuple[list[str], dict[str, np.ndarray]]:
    limits = [_limits(y[block]) for y in splits.values() for block in blocks(y)]
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    digits = DIGITS - math.floor(math.log10((high - low) / BINS or 1))
    edges = [number(round(edge, digits)) for edge in np.linspace(low, high, BINS + 1)]
    labels = [f"{start} to {end}" for start, end in pairwise(edges)]
    return labels, _counted(splits, lambda block: np.array(histogram(block, low, high)))


def _limits(block: np.ndarray) -> tuple[float, float]:
    return float(block.min()), float(block.max())


def _counted(
    splits: Mapping[str, np.ndarray], count: Callable[[np.ndarray], np.ndarray]
) -> dict[str, np.ndarray]:
    return {
        split: np.sum([count(y[block]) for block in blocks(y)], axis=0)
        for split, y in splits.items()
    }
