"""ROC and precision-recall curves, each class or label against all others, as CSV files."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lockstep.evaluation.tables import write_csv

# They keep the files, which are in git, below 50 kB. The classes with most test examples are the
# same ones in each revision with these data, so that DVC compares them.
MOST_CLASSES = 10
MOST_POINTS = 100
DIGITS = 4
ROUNDING = 1e-12  # of a second difference of the float64 values, about 1e-16


class ClassOutputs(NamedTuple):
    """Which examples are of a class or have a label, and the model's outputs for it."""

    name: str
    actual: np.ndarray
    outputs: np.ndarray


def most_frequent(examples: np.ndarray) -> np.ndarray:
    """Return the numbers of the classes with most examples, in the order of the classes."""
    return np.sort(np.argsort(-examples, kind="stable")[:MOST_CLASSES])


def write_curves(folder: Path, classes: Iterable[ClassOutputs] = ()) -> None:
    """Write roc.csv and precision_recall.csv, with a header only if there are no classes.

    A class that none or all of the examples are of has no curves.
    """
    roc: list[tuple[str, float, float]] = []
    precision_recall: list[tuple[str, float, float]] = []
    for name, actual, outputs in classes:
        if actual.any() and not actual.all():
            right, wrong = _by_threshold(actual, outputs)
            roc += _rows(name, wrong / wrong[-1], right / right[-1])
            # Of no example the precision is 1 by convention.
            precision = np.append(1, right[1:] / (right[1:] + wrong[1:]))
            precision_recall += _rows(name, right / right[-1], precision)
    header = ("class", "false_positive_rate", "true_positive_rate")
    write_csv(folder / "roc.csv", header, roc)
    header = ("class", "recall", "precision")
    write_csv(folder / "precision_recall.csv", header, precision_recall)


def _by_threshold(actual: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count true and false positives: at first of no example, then down to each distinct output."""
    order = np.argsort(-outputs, kind="stable")
    falling = outputs[order]
    last = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
    right = np.cumsum(actual[order])[last]
    return np.append(0, right), np.append(0, last + 1 - right)


def _rows(name: str, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float, float]]:
    """Yield the points but those on a straight line, of very many at most MOST_POINTS of them."""
    bends = np.abs(np.diff(x, 2)) + np.abs(np.diff(y, 2)) > ROUNDING
    kept = np.flatnonzero(np.concatenate([[True], bends, [True]]))
    if len(kept) > MOST_POINTS:
        kept = kept[_spread(x[kept], y[kept])]
    for each in kept:
        yield name, round(float(x[each]), DIGITS), round(float(y[each]), DIGITS)


def _spread(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the indices of MOST_POINTS points at equal distances along the curve."""
    distance = np.append(0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    steps = np.linspace(0, distance[-1], MOST_POINTS)[:-1]
    return np.unique(np.append(np.searchsorted(distance, steps), len(x) - 1))
