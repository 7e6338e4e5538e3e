"""A picture for each example, (n, height, width[, channels]): denoising, super-resolution.

The model's outputs are its numbers scaled to 0..1 by the training split's range.
"""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds.checks import check_numbers, check_rank
from lockstep.data.spec.target_kinds.kind import Kind

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target

RANK_OF_GREY = 2


class Image(Kind):
    ranks = (2, 3)

    def outputs(self, target: "Target") -> int:
        return 1 if len(target.shape) == RANK_OF_GREY else target.shape[-1]

    def inner_shape(self, target: "Target") -> tuple[int, ...]:
        return tuple(target.shape[:2])

    def activation(self, target: "Target") -> str:
        return "sigmoid"

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        size = f"{len(y)}, height, width"
        check_rank(where, y, self.ranks, f"({size}) or ({size}, channels)")
        check_numbers(where, y)


KIND = Image()
