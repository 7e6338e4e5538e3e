"""Cross-validation: the training data cut into folds, each of which is the test split once."""

import numpy as np

from lockstep.data.readers.raw_data import SplitKeys
from lockstep.errors import DataError
from lockstep.messages import MANY

BEFORE = 0  # the number of what lies before the first fold in time, for training only


def fold_numbers(
    size: int, folds: int, keys: SplitKeys, classes: np.ndarray | None, names: list[str]
) -> np.ndarray:
    """Return the fold of each example, from 1 to `folds`, (n,), the same in every run.

    With times, folds follow one another in time, and what is BEFORE the first is in none. With
    groups or classes, (n,), each fold gets whole groups, or about the same share of each class;
    `names` are those of the classes. Raises DataError for too few times, groups or examples.
    """
    generator = np.random.default_rng(0)
    if keys.time is not None:
        return folds_by_time(keys.time, folds)
    if keys.group is not None:
        return folds_by_group(keys.group, folds, generator, classes)
    if classes is not None:
        _check_classes(classes, folds, names)
    return _dealt(size, folds, generator, classes)


def _dealt(
    size: int, folds: int, generator: np.random.Generator, classes: np.ndarray | None
) -> np.ndarray:
    """Deal the examples out in random order, one class after the other."""
    if size < folds:
        raise DataError(f"data.folds: got {folds} for {size} examples, expected at most {size}")
    order = generator.permutation(size)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    numbers = np.empty(size, np.int64)
    numbers[order] = np.arange(size) % folds + 1
    return numbers


def _check_classes(classes: np.ndarray, folds: int, names: list[str]) -> None:
    counts = np.bincount(classes, minlength=len(names))
    rare = [f"{names[each]} ({counts[each]})" for each in np.flatnonzero(counts < folds)]
    if rare:
        shown = f"{', '.join(rare[:MANY])}{', ...' if len(rare) > MANY else ''}"
        raise DataError(
            f"data.folds: got {folds}, but there are fewer examples of {shown}; expected at most "
            f"{max(2, counts.min())} folds, or data.stratify false"
        )


def folds_by_group(
    groups: np.ndarray, folds: int, generator: np.random.Generator, y: np.ndarray | None
) -> np.ndarray:
    """Return the fold of each example, (n,), with each group in one fold.

    Group after group, large ones first, goes to the fold that has the least of its classes, or of
    any examples without classes `y`, (n,), so that folds get about the same share of each.
    """
    names, number = np.unique(groups, return_inverse=True)
    if len(names) < folds:
        raise DataError(
            f"data.folds: got {folds} for {len(names)} groups of data.group, expected at most "
            f"{len(names)}"
        )
    classes = np.zeros(len(groups), int) if y is None else np.unique(y, return_inverse=True)[1]
    members = np.zeros((len(names), classes.max() + 1))
    np.add.at(members, (number, classes), 1)
    order = generator.permutation(len(names))
    order = order[np.argsort(-members[order].sum(axis=1), kind="stable")]
    return _fold_of_groups(members, folds, order)[number]


def _fold_of_groups(members: np.ndarray, folds: int, order: np.ndarray) -> np.ndarray:
    shares = members / members.sum(axis=0)
    filled, sizes = np.zeros((folds, members.shape[1])), np.zeros(folds)
    found = np.zeros(len(members), np.int64)
    for group in order:
        # The squares of the folds' shares grow least there, by this product and a constant.
        growth = filled @ shares[group]
        fold = int(np.lexsort((sizes, growth))[0])
        filled[fold] += shares[group]
        sizes[fold] += members[group].sum()
        found[group] = fold + 1
    return found


def folds_by_time(times: np.ndarray, folds: int) -> np.ndarray:
    """Return the number of each example's stretch of time, (n,): BEFORE, then the folds.

    The stretches are about equally long in examples; those of the same time stay together.
    """
    moments, starts = np.unique(np.sort(times), return_index=True)
    if len(moments) <= folds:
        raise DataError(
            f"data.folds: got {folds} for {len(moments)} different times of data.time, expected "
            f"at most {len(moments) - 1}"
        )
    firsts = [0]
    for number in range(1, folds + 1):
        wanted = len(times) * number / (folds + 1)
        # Every stretch, this one and those that follow, needs a moment of its own.
        some = np.arange(firsts[-1] + 1, len(moments) - (folds - number))
        firsts.append(int(some[np.argmin(abs(starts[some] - wanted))]))
    return np.searchsorted(moments[firsts], times, side="right") - 1
