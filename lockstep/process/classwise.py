"""Metrics with a value for each class, which are logged as f1_score_0, f1_score_1 and so on."""

import math
import re
from collections.abc import Iterable, Mapping

WORST = 5


def grouped(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the names by the metric that they belong to; most metrics have only their own.

    Two metrics of one class are auc and auc_1, which aren't numbered from 0 as classes are.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(re.sub(r"_\d+$", "", name), []).append(name)
    groups: dict[str, list[str]] = {}
    for metric, each in found.items():
        numbered = [f"{metric}_{number}" for number in range(len(each))]
        groups |= {metric: each} if sorted(each) == sorted(numbered) else {n: [n] for n in each}
    return groups


def worst(values: Mapping[str, float], count: int = WORST) -> list[str]:
    """Return the names with the lowest values, the lowest first.

    Keras's metrics with a value for each class are best at their highest.
    """
    finite = {name: value for name, value in values.items() if not math.isnan(value)}
    return sorted(finite, key=finite.__getitem__)[:count]


def summarized(logs: Mapping[str, float]) -> str:
    """Return logs as one line: of a metric for each class the mean and the worst five."""
    return "  ".join(_one(name, logs, names) for name, names in grouped(logs).items())


def _one(name: str, logs: Mapping[str, float], names: list[str]) -> str:
    if len(names) == 1:
        return f"{name} {logs[name]:.4f}"
    values = {each: logs[each] for each in names}
    mean = sum(values.values()) / len(values)
    low = ", ".join(f"{each.rpartition('_')[2]}: {logs[each]:.2f}" for each in worst(values))
    return f"{name} {mean:.4f} (worst {low})"
