"""The mean of each test metric over several experiments, with an interval."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
Metrics = Sequence[Mapping[str, float | None]]  # of each experiment


class Estimate(NamedTuple):
    """Mean and standard deviation, and the ends of the mean's 95 % interval by Student's t."""

    mean: float
    deviation: float
    low: float
    high: float


def estimates(metrics: Metrics) -> dict[str, Estimate | None]:
    """Return an estimate of each metric; None for one that not all have as a number.

    There are at least two experiments.
    """
    names = dict.fromkeys(name for each in metrics for name in each)
    return {name: _estimate([each.get(name) for each in metrics]) for name in names}


def _estimate(values: Sequence[float | None]) -> Estimate | None:
    known = [each for each in values if isinstance(each, int | float)]
    if len(known) < len(values):
        return None
    mean, deviation = float(np.mean(known)), float(np.std(known, ddof=1))
    half = student_t(len(known) - 1) * deviation / math.sqrt(len(known))
    return Estimate(mean, deviation, mean - half, mean + half)


def student_t(freedom: int) -> float:
    """Return t, between whose negative and itself Student's distribution has LEVEL.

    `freedom` is the number of degrees of freedom, at least 1.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < LEVEL else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """The probability that |t| is below sqrt(freedom) * tan(angle), a finite sum for whole numbers.

    See Abramowitz and Stegun, 26.7.3 and 26.7.4.
    """
    odd = freedom % 2
    term, total = math.cos(angle) ** odd, 0.0
    for number in range(odd, freedom - 1, 2):
        total += term
        term *= (number + 1) / (number + 2) * math.cos(angle) ** 2
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total
