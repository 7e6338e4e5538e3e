"""Shares of examples: random ones of all or of each class alike, whole groups, or the last."""

import numpy as np

from lockstep.errors import DataError


def draw(size: int, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return a mask, (size,), with `count` random examples."""
    chosen = np.zeros(size, bool)
    chosen[permutation(size, generator)[:count]] = True
    return chosen


def permutation(size: int, generator: np.random.Generator) -> np.ndarray:
    """Return what `generator.permutation(size)` returns, in half the memory."""
    order = indices(size)
    generator.shuffle(order)
    return order


def indices(size: int) -> np.ndarray:
    """Return the whole numbers below `size`, of 32 bits if these hold them."""
    return np.arange(size, dtype=np.int32 if size <= np.iinfo(np.int32).max else np.int64)


def draw_by_class(y: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Return a mask, (n,), with `count` random examples, of each class in `y` about its share.

    A class of two or more has at least one on each side, as far as `count` allows.
    """
    order = permutation(len(y), generator)
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


def draw_groups(
    groups: np.ndarray, count: int, generator: np.random.Generator, y: np.ndarray | None
) -> np.ndarray:
    """Return a mask, (n,), with about `count` random examples, of each group all or none.

    With classes `y`, (n,), each side gets about the same share of each class: group after group,
    those with uneven classes first, goes where the sides' shares differ least, as in scikit-learn's
    StratifiedGroupKFold. Raises DataError for a single group.
    """
    names, number = np.unique(groups, return_inverse=True)
    if len(names) == 1:
        raise DataError(f"data.group: all examples are of one group, {names[0]!r}, expected more")
    classes = np.zeros(len(groups), int) if y is None else np.unique(y, return_inverse=True)[1]
    members = np.zeros((len(names), classes.max() + 1))
    np.add.at(members, (number, classes), 1)
    share = count / len(groups)
    order = generator.permutation(len(names))
    uneven = members.std(axis=1) if y is not None else members[:, 0]
    taken = _groups_taken(
        members / members.sum(axis=0), share, order[np.argsort(-uneven[order], kind="stable")]
    )
    if taken.all() or not taken.any():
        smallest = np.argmin(members.sum(axis=1))
        taken[smallest] = not taken[smallest]
    chosen: np.ndarray = taken[number]
    return chosen


def _groups_taken(parts: np.ndarray, share: float, order: np.ndarray) -> np.ndarray:
    """Return which groups fill a side of this share; `parts` are their parts of each class."""
    filled = np.zeros((2, parts.shape[1]))  # of the rest and of the side, in their whole
    shares = np.array([1 - share, share])[:, None]
    taken = np.zeros(len(parts), bool)
    for group in order:
        with_group = filled + parts[group] / shares
        differences = [((with_group[side] - filled[1 - side]) ** 2).sum() for side in (0, 1)]
        side = int(differences[1] < differences[0])
        filled[side] = with_group[side]
        taken[group] = side == 1
    return taken


def last_by_time(times: np.ndarray, count: int) -> np.ndarray:
    """Return a mask, (n,), of about `count` examples with the latest times.

    Examples of the same time stay together. Raises DataError if all times are equal.
    """
    moments, starts = np.unique(np.sort(times), return_index=True)
    if len(moments) == 1:
        raise DataError("data.time: all examples have the same time, expected several")
    wanted = len(times) - count
    first = int(np.argmin(abs(starts[1:] - wanted))) + 1  # neither side is empty
    return times >= moments[first]
