"""A class for each step, (n, steps); or numbers for each, (n, steps[, numbers])."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds._checks import check_class_numbers, check_numbers, check_rank

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target

ACTIVATION = "linear"  # with classes: softmax, with two classes sigmoid


def values(target: "Target") -> str:
    """Return what each value is."""
    return "classes" if target.classes else "numbers"


def outputs(target: "Target") -> int:
    """Return the count of numbers for each step."""
    return target.shape[1] if len(target.shape) > 1 else 1


def inner_shape(target: "Target") -> tuple[int, ...]:
    """Return the number of steps."""
    return tuple(target.shape[:1])


def score(target: "Target") -> str:
    """Return the metric that decides on registration by default."""
    return "accuracy" if target.classes else "r2"


def check(where: str, y: np.ndarray, target: "Target") -> None:
    """Check for a class number, or numbers, for each step; raises DataError."""
    if target.classes:
        check_rank(where, y, (1,), f"({len(y)}, steps)")
        check_class_numbers(where, y, len(target.classes))
    else:
        check_rank(where, y, (1, 2), f"({len(y)}, steps) or ({len(y)}, steps, numbers)")
        check_numbers(where, y)
