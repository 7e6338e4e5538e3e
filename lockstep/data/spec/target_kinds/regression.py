"""One number for each example, (n,), or several, (n, numbers)."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds._checks import check_numbers, check_rank

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target

ACTIVATION = "linear"


def values(target: "Target") -> str:
    """Return what each value is."""
    return "numbers"


def outputs(target: "Target") -> int:
    """Return the count of numbers for each example."""
    return target.shape[0] if target.shape else 1


def inner_shape(target: "Target") -> tuple[int, ...]:
    """Return the output's shape without its last axis."""
    return ()


def score(target: "Target") -> str:
    """Return the metric that decides on registration by default."""
    return "r2"


def check(where: str, y: np.ndarray, target: "Target") -> None:
    """Check for numbers; raises DataError."""
    check_rank(where, y, (0, 1), f"({len(y)},) or ({len(y)}, numbers)")
    check_numbers(where, y)
