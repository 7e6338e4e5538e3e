"""Scores of test outputs, computed from NumPy arrays."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

BINS = 10
DIGITS = 6


class ClassScore(NamedTuple):
    """Precision and recall of one class, and its number of examples."""

    name: str
    precision: float
    recall: float
    examples: int


def score(target_kind: str, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return the scores of a target's outputs, (n, outputs)."""
    if target_kind == "classification":
        return classification(probabilities(outputs), targets)
    return regression(outputs[:, 0], targets)


def probabilities(outputs: np.ndarray) -> np.ndarray:
    """Return class probabilities, (n, classes); for two classes `outputs` has only the second."""
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs


def classification(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return accuracy, and precision and recall averaged over the classes that occur."""
    predicted = probabilities.argmax(axis=1)
    scores = by_class(labels, predicted, [str(each) for each in range(probabilities.shape[1])])
    present = [score for score in scores if score.examples]
    return {
        "accuracy": round(float((predicted == labels).mean()), DIGITS),
        "precision": round(float(np.mean([score.precision for score in present])), DIGITS),
        "recall": round(float(np.mean([score.recall for score in present])), DIGITS),
    }


def regression(predicted: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Return mean absolute error, root mean squared error, and R squared."""
    residuals = targets.astype(np.float64) - predicted.astype(np.float64)
    spread = float(((targets - targets.mean(dtype=np.float64)) ** 2).sum())
    return {
        "mae": round(float(np.abs(residuals).mean()), DIGITS),
        "rmse": round(float(np.sqrt((residuals**2).mean())), DIGITS),
        "r2": round(1 - float((residuals**2).sum()) / spread, DIGITS) if spread else 0.0,
    }


def by_class(labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]) -> list[ClassScore]:
    """Return each class's precision and recall; a class never predicted has precision 0."""
    table = confusion(labels, predicted, len(names))
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
    edges = np.linspace(float(targets.min()), float(targets.max()), BINS + 1)
    inner = edges[1:-1]
    names = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    return np.digitize(targets, inner), np.digitize(predicted, inner), names
