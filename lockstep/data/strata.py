"""Random shares of examples: of all together, or of each class alike."""

import numpy as np


def draw(size: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return a mask, (size,), with `count` random examples."""
    chosen = np.zeros(size, bool)
    chosen[generator.permutation(size)[:count]] = True
    return chosen


def draw_by_class(y: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return a mask, (n,), with `count` random examples, of each class in `y` about its share.

    A class of two or more has at least one on each side, as far as `count` allows.
    """
    order = generator.permutation(len(y))
    order = order[np.argsort(y[order], kind="stable")]  # by class, in random order within each
    sizes = np.unique(y, return_counts=True)[1]
    starts = np.cumsum(sizes) - sizes
    chosen = np.zeros(len(y), bool)
    for start, taken in zip(starts, _allotted(sizes, count), strict=True):
        chosen[order[start : start + taken]] = True
    return chosen


def _allotted(sizes: np.ndarray, count: int) -> np.ndarray:
    """Divide `count` among classes of these sizes: by the largest remainders, but none by 0."""
    exact = sizes * (count / sizes.sum())
    taken = np.floor(exact).astype(int)
    largest = np.argsort(taken - exact, kind="stable")[: count - taken.sum()]
    taken[largest] += 1
    for needy in np.flatnonzero((taken == 0) & (sizes > 1)):
        richest = int(np.argmax(taken))
        if taken[richest] > 1:
            taken[richest] -= 1
            taken[needy] = 1
    for greedy in np.flatnonzero((taken == sizes) & (sizes > 1)):
        poorest = int(np.argmax(sizes - taken))
        if sizes[poorest] - taken[poorest] > 1:
            taken[greedy] -= 1
            taken[poorest] += 1
    return taken
