"""Any number of labels for each example: zeros and ones, (n, labels)."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds._checks import check_class_numbers, check_rank
from lockstep.errors import DataError

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target

ACTIVATION = "sigmoid"


def values(target: "Target") -> str:
    """Return what each value is."""
    return "labels"


def outputs(target: "Target") -> int:
    """Return the number of labels."""
    return len(target.classes)


def inner_shape(target: "Target") -> tuple[int, ...]:
    """Return the output's shape without its last axis."""
    return ()


def score(target: "Target") -> str:
    """Return the metric that decides on registration by default."""
    return "f1"


def check(where: str, y: np.ndarray, target: "Target") -> None:
    """Check for a zero or one for each label; raises DataError."""
    check_rank(where, y, (1,), f"({len(y)}, labels) of zeros and ones")
    if y.shape[1] != len(target.classes):
        raise DataError(f"{where}: {y.shape[1]} labels, expected {len(target.classes)}")
    check_class_numbers(where, y, 2)
