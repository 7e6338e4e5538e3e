"""Scores of test outputs, computed from NumPy arrays."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from lockstep.data.spec import Target

BINS = 10
DIGITS = 6


class ClassScore(NamedTuple):
    """Precision and recall of one class, and its number of examples."""

    name: str
    precision: float
    recall: float
    examples: int

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def of_classes(outputs: np.ndarray, target: Target) -> np.ndarray:
    """Return the probabilities or scores of classes, (n, ..., classes).

    Two classes have one output, the second's.
    """
    if outputs.shape[-1] > 1:
        return outputs
    return np.concatenate([2 * target.threshold - outputs, outputs], axis=-1)


def classification(outputs: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return accuracy, and precision and recall averaged over the classes that occur.

    The outputs, (n, classes), are those of `of_classes`.
    """
    predicted = outputs.argmax(axis=1)
    found = of_counts(confusion(labels, predicted, outputs.shape[1]))
    return {name: found[name] for name in ("accuracy", "macro_precision", "macro_recall")}


def of_counts(counts: np.ndarray) -> dict[str, float]:
    """Return the scores of counts by (actual, predicted), averaged over the classes that occur."""
    scores = scores_of_classes(counts, [str(each) for each in range(len(counts))])
    present = [score for score in scores if score.examples]
    hits = counts.diagonal()
    union = counts.sum(axis=0) + counts.sum(axis=1) - hits
    return {
        "accuracy": round(float(hits.sum() / counts.sum()), DIGITS),
        "macro_precision": round(float(np.mean([score.precision for score in present])), DIGITS),
        "macro_recall": round(float(np.mean([score.recall for score in present])), DIGITS),
        "mean_iou": round(float((hits[union > 0] / union[union > 0]).mean()), DIGITS),
    }


def multilabel(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """Return the scores of labels, (n, labels) of bool.

    accuracy is the share of right labels, exact_match of examples with all labels right; the others
    are averaged over the labels that occur.
    """
    scores = by_label(actual, predicted, [str(each) for each in range(actual.shape[1])])
    present = [score for score in scores if score.examples]

    def mean(values: list[float]) -> float:
        return round(float(np.mean(values)), DIGITS) if values else math.nan

    return {
        "accuracy": round(float((predicted == actual).mean()), DIGITS),
        "exact_match": round(float((predicted == actual).all(axis=1).mean()), DIGITS),
        "macro_precision": mean([score.precision for score in present]),
        "macro_recall": mean([score.recall for score in present]),
        "macro_f1": mean([score.f1 for score in present]),
    }


def regression(predicted: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return mean absolute error, root mean squared error, and R squared."""
    residuals = targets.astype(np.float64) - predicted.astype(np.float64)
    spread = float(((targets - targets.mean(axis=0, dtype=np.float64)) ** 2).sum())
    return {
        "mae": round(float(np.abs(residuals).mean()), DIGITS),
        "rmse": round(float(np.sqrt((residuals**2).mean())), DIGITS),
        "r2": round(1 - float((residuals**2).sum()) / spread, DIGITS) if spread else math.nan,
    }


class Errors:
    """The errors of numbers between 0 and 1, summed batch by batch."""

    def __init__(self) -> None:
        self.count = 0
        self.sums = np.zeros(4)  # of |error|, error², target and target²

    def add(self, targets: np.ndarray, predicted: np.ndarray) -> None:
        """Add a batch."""
        y = targets.astype(np.float64)
        error = y - predicted
        self.count += y.size
        self.sums += [np.abs(error).sum(), (error**2).sum(), y.sum(), (y**2).sum()]

    def scores(self) -> dict[str, float]:
        """Return mean absolute error, root mean squared error, and R squared."""
        absolute, squared, total, squares = self.sums
        spread = squares - total**2 / self.count
        return {
            "mae": round(float(absolute / self.count), DIGITS),
            "rmse": round(float(np.sqrt(squared / self.count)), DIGITS),
            "r2": round(float(1 - squared / spread), DIGITS) if spread > 0 else math.nan,
        }

    def psnr(self) -> float:
        """Return the peak signal-to-noise ratio in decibels; NaN without an error."""
        mean = self.sums[1] / self.count
        return round(float(-10 * np.log10(mean)), DIGITS) if mean else math.nan


def by_class(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> list[ClassScore]:
    """Return each class's precision and recall; a class never predicted has precision 0."""
    return scores_of_classes(confusion(labels, predicted, len(names)), names)


def by_label(actual: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> list[ClassScore]:
    """Return each label's precision and recall, of (n, labels) of bool."""
    columns = zip(actual.T, predicted.T, strict=True)
    counts = [confusion(one.astype(np.int64), two, 2) for one, two in columns]
    return [
        ClassScore(name, *scores_of_classes(count, ("no", name))[1][1:])
        for name, count in zip(names, counts, strict=True)
    ]


def scores_of_classes(table: np.ndarray, names: Sequence[str]) -> list[ClassScore]:
    """Return each class's precision and recall, of counts by (actual, predicted)."""
    hits, actual, guessed = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    return [
        ClassScore(
            name,
            round(float(hits[index] / max(guessed[index], 1)), DIGITS),
            round(float(hits[index] / max(actual[index], 1)), DIGITS),
            int(actual[index]),
        )
        for index, name in enumerate(names)
    ]


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts by (actual, predicted)."""
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def in_bins(targets: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the bins, equal parts of the targets' range, of targets and predictions, and names."""
    low, high = float(targets.min()), float(targets.max())
    edges = np.linspace(low, high if high > low else low + 1, BINS + 1)
    inner = edges[1:-1]
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    return np.digitize(targets, inner), np.digitize(predicted, inner), names
