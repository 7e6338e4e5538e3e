"""The mean of each test metric over the folds of a cross-validation, with an interval."""

from collections.abc import Sequence
from typing import Any

from lockstep.evaluation.estimates import Estimate, Metrics, estimates

DIGITS = 4  # significant
NOTE = (
    "The standard deviation is that of the folds, divided by n - 1. The interval is the mean's, by "
    "Student's t.\nFolds share training examples, so their results aren't independent: the "
    "interval is approximate, and rather too narrow."
)


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
