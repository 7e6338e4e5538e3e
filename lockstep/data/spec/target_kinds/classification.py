"""One of several classes for each example: class numbers, (n,)."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds._checks import check_class_numbers, check_rank

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target

ACTIVATION = "softmax"  # with two classes: sigmoid


def values(target: "Target") -> str:
    """Return what each value is."""
    return "classes"


def outputs(target: "Target") -> int:
    """Return the number of classes."""
    return len(target.classes)


def inner_shape(target: "Target") -> tuple[int, ...]:
    """Return the output's shape without its last axis."""
    return ()


def score(target: "Target") -> str:
    """Return the metric that decides on registration by default."""
    return "accuracy"


def check(where: str, y: np.ndarray, target: "Target") -> None:
    """Check for a class number for each example; raises DataError."""
    check_rank(where, y, (0,), f"({len(y)},) like the inputs")
    check_class_numbers(where, y, len(target.classes))
