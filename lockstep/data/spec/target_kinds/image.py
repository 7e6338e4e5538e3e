"""A picture for each example, (n, height, width[, channels]): denoising, super-resolution.

The model's outputs are its numbers scaled to 0..1 by the training split's range.
"""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds._checks import check_numbers, check_rank

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target

ACTIVATION = "sigmoid"
RANK_OF_GREY = 2


def values(target: "Target") -> str:
    """Return what each value is."""
    return "numbers"


def outputs(target: "Target") -> int:
    """Return the number of channels."""
    return 1 if len(target.shape) == RANK_OF_GREY else target.shape[-1]


def inner_shape(target: "Target") -> tuple[int, ...]:
    """Return height and width."""
    return tuple(target.shape[:2])


def score(target: "Target") -> str:
    """Return the metric that decides on registration by default."""
    return "r2"


def check(where: str, y: np.ndarray, target: "Target") -> None:
    """Check for pictures of numbers; raises DataError."""
    check_rank(
        where, y, (2, 3), f"({len(y)}, height, width) or ({len(y)}, height, width, channels)"
    )
    check_numbers(where, y)
