"""Keras's losses and metrics by their definitions, in NumPy.

Each takes what it compares: class numbers, (n,), or arrays (n, columns) of targets and outputs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

EPSILON = 1e-7
# Arguments that some metrics need, and that the definitions here assume.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "IoU": {"target_class_ids": [0]},
    "BinaryIoU": {"target_class_ids": [1]},
    "OneHotIoU": {"target_class_ids": [0]},
    "TopKCategoricalAccuracy": {"k": 2},
    "SparseTopKCategoricalAccuracy": {"k": 2},
    "FBetaScore": {"beta": 2.0},
}
THRESHOLDS = np.array([-EPSILON, *(i / 199 for i in range(1, 199)), 1 + EPSILON])


def mean_of(each: Callable[..., np.ndarray]) -> Callable[..., float]:
    return lambda y, p: float(np.mean(each(y, p)))


def clipped(p: np.ndarray) -> np.ndarray:
    return np.clip(p, EPSILON, 1 - EPSILON)


def binary_crossentropy(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = clipped(p)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(-1)


def categorical_crossentropy(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -(y * np.log(clipped(p / p.sum(-1, keepdims=True)))).sum(-1)


def sparse_crossentropy(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return -np.log(clipped(p[np.arange(len(y)), y]))


def binary_focal(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = clipped(p)
    right = y * p + (1 - y) * (1 - p)
    return (-((1 - right) ** 2) * np.log(right)).mean(-1)


def categorical_focal(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = clipped(p / p.sum(-1, keepdims=True))
    return (-0.25 * (1 - p) ** 2 * y * np.log(p)).sum(-1)


def generalized_crossentropy(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (1 - p[np.arange(len(y)), y] ** 0.5) / 0.5


def huber(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    error = np.abs(y - p)
    return np.where(error <= 1, error**2 / 2, error - 0.5).mean(-1)


def overlap(y: np.ndarray, p: np.ndarray) -> float:
    """Dice, and Tversky with its defaults, of one batch."""
    return float(1 - 2 * (y * p).sum() / (y.sum() + p.sum()))


def kl_divergence(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    y, p = np.clip(y, EPSILON, 1), np.clip(p, EPSILON, 1)
    return (y * np.log(y / p)).sum(-1)


def signs(y: np.ndarray) -> np.ndarray:
    return np.where(np.isin(y, (0, 1)).all(), 2 * y - 1, y)


def hinge(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.maximum(1 - signs(y) * p, 0).mean(-1)


def squared_hinge(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (np.maximum(1 - signs(y) * p, 0) ** 2).mean(-1)


def categorical_hinge(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.maximum(((1 - y) * p).max(-1) - (y * p).sum(-1) + 1, 0)


def log_cosh(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.log(np.cosh(p.astype(np.float64) - y)).mean(-1)


def squared_logarithmic(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return ((np.log(np.maximum(p, EPSILON) + 1) - np.log(np.maximum(y, EPSILON) + 1)) ** 2).mean(-1)


def percentage(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return 100 * (np.abs(y - p) / np.maximum(np.abs(y), EPSILON)).mean(-1)


def cosine(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    def unit(a: np.ndarray) -> np.ndarray:
        return a / np.sqrt(np.maximum((a**2).sum(-1, keepdims=True), EPSILON**2))

    return (unit(y) * unit(p)).sum(-1)


def poisson(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # NaN for an output below 0
        return (p - y * np.log(p + EPSILON)).mean(-1)


def pearson(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    def standard(a: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # NaN for equal numbers
            return (a - a.mean(-1, keepdims=True)) / a.std(-1, keepdims=True)

    return (standard(y) * standard(p)).mean(-1)


def concordance(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    covariance = ((y - y.mean(-1, keepdims=True)) * (p - p.mean(-1, keepdims=True))).mean(-1)
    return 2 * covariance / (y.var(-1) + p.var(-1) + (y.mean(-1) - p.mean(-1)) ** 2 + EPSILON)


def r2(y: np.ndarray, p: np.ndarray) -> float:
    return float((1 - ((y - p) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)).mean())


def top(k: int) -> Callable[..., float]:
    def within(y: np.ndarray, p: np.ndarray) -> float:
        labels = y.argmax(-1) if y.ndim > 1 else y
        own = p[np.arange(len(labels)), labels]
        return float(((p > own[:, None]).sum(-1) < k).mean())

    return within


def counts(y: np.ndarray, p: np.ndarray, at: float) -> tuple[float, float, float, float]:
    """True positives, true negatives, false positives and false negatives."""
    yes, found = y > 0.5, p > at
    return (
        float((yes & found).sum()),
        float((~yes & ~found).sum()),
        float((~yes & found).sum()),
        float((yes & ~found).sum()),
    )


def curve(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.array([counts(y, p, at) for at in THRESHOLDS]).T


def auc(y: np.ndarray, p: np.ndarray) -> float:
    tp, tn, fp, fn = curve(y, p)
    rate, false = tp / (tp + fn), fp / (fp + tn)
    return float(((false[:-1] - false[1:]) * (rate[:-1] + rate[1:]) / 2).sum())


def best(
    value: Callable[..., np.ndarray], bound: Callable[..., np.ndarray]
) -> Callable[..., float]:
    """The best value of one rate where another is at least a half."""

    def found(y: np.ndarray, p: np.ndarray) -> float:
        with np.errstate(invalid="ignore"):
            values, bounds = (np.nan_to_num(each(*curve(y, p))) for each in (value, bound))
        feasible = bounds >= 0.5
        return float(values[feasible].max()) if feasible.any() else 0.0

    return found


def sensitivity(tp: np.ndarray, tn: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    return tp / (tp + fn)


def specificity(tp: np.ndarray, tn: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    return tn / (tn + fp)


def precision(tp: np.ndarray, tn: np.ndarray, fp: np.ndarray, fn: np.ndarray) -> np.ndarray:
    return tp / (tp + fp)


def at_half(rate: Callable[..., float]) -> Callable[..., float]:
    def found(y: np.ndarray, p: np.ndarray) -> float:
        with np.errstate(invalid="ignore"):
            return float(np.nan_to_num(rate(*map(np.float64, counts(y, p, 0.5)))))

    return found


def f1(beta: float = 1) -> Callable[..., np.ndarray]:
    """Of each column; the highest column is predicted, or with labels those above a half."""

    def found(y: np.ndarray, p: np.ndarray, *, labels: bool = False) -> np.ndarray:
        guess = p > 0.5 if labels else np.arange(p.shape[1]) == p.argmax(-1)[:, None]
        yes = y > 0.5
        tp, fp, fn = (yes & guess).sum(0), (~yes & guess).sum(0), (yes & ~guess).sum(0)
        return (1 + beta**2) * tp / np.maximum((1 + beta**2) * tp + beta**2 * fn + fp, EPSILON)

    return found


def iou(y: np.ndarray, guess: np.ndarray, classes: int) -> np.ndarray:
    found = []
    for each in range(classes):
        union = ((y == each) | (guess == each)).sum()
        found.append(((y == each) & (guess == each)).sum() / union if union else np.nan)
    return np.array(found)
