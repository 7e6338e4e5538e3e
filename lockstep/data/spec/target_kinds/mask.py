"""A class for each pixel: class numbers, (n, height, width)."""

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
    """Return height and width."""
    return tuple(target.shape)


def score(target: "Target") -> str:
    """Return the metric that decides on registration by default."""
    return "mean_iou"


def check(where: str, y: np.ndarray, target: "Target") -> None:
    """Check for a class number for each pixel; raises DataError."""
    check_rank(where, y, (2,), f"({len(y)}, height, width)")
    check_class_numbers(where, y, len(target.classes))
