"""The mean of each test metric over the folds of a cross-validation, with an interval."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

LEVEL = 0.95
DIGITS = 4  # significant
Metrics = Sequence[Mapping[str, float | None]]  # of each fold
NOTE = (
    "The standard deviation is that of the folds, divided by n - 1. The interval is the mean's, by "
    "Student's t.\nFolds share training examples, so their results aren't independent: the "
    "interval is approximate, and rather too narrow."
)


class Estimate(NamedTuple):
    """Mean and standard deviation over folds, and the ends of the mean's 95 % interval."""

    mean: float
    deviation: float
    low: float
    high: float


def estimates(metrics: Metrics) -> dict[str, Estimate | None]:
    """Return an estimate of each metric; None for one that a fold has not, or not as a number."""
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


def as_json(command: str, names: Sequence[str], metrics: Metrics) -> dict[str, Any]:
    """Return all figures: of each fold, and over all of them."""
    found = estimates(metrics)
    return {
        "command": command,
        "folds": [
            {"fold": number, "experiment": name, "test": dict(each)}
            for number, (name, each) in enumerate(zip(names, metrics, strict=True), 1)
        ],
        "test": {name: each and each._asdict() for name, each in found.items()},
    }


def as_markdown(command: str, names: Sequence[str], metrics: Metrics) -> str:
    """Return a page with the command, a table of the metrics, and the experiments' names."""
    numbers = range(1, len(names) + 1)
    header = ["test metric", "mean", "standard deviation", "95 % interval"]
    rows = [[*header, *(f"fold {number}" for number in numbers)]]
    for name, each in estimates(metrics).items():
        rows.append([name, *_of_all(each), *(_shown(fold.get(name)) for fold in metrics)])
    experiments = [f"- fold {number}: {name}" for number, name in zip(numbers, names, strict=True)]
    parts = [
        f"# Cross-validation in {len(names)} folds",
        f"    {command}",
        _table(rows),
        NOTE,
        "\n".join(experiments),
    ]
    return "\n\n".join(parts) + "\n"


def _of_all(each: Estimate | None) -> list[str]:
    if each is None:
        return ["-"] * 3
    return [_shown(each.mean), _shown(each.deviation), f"{_shown(each.low)} to {_shown(each.high)}"]


def _shown(value: Any) -> str:
    return f"{value:.{DIGITS}g}" if isinstance(value, int | float) else "-"


def _table(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows]
    lines = [padded[0], ["-" * width for width in widths], *padded[1:]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
