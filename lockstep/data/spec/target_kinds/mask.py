"""A class for each pixel: class numbers, (n, height, width)."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds.checks import check_class_numbers, check_rank
from lockstep.data.spec.target_kinds.kind import KindOfClasses

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target


class Mask(KindOfClasses):
    ranks = (2,)

    def inner_shape(self, target: "Target") -> tuple[int, ...]:
        return tuple(target.shape)

    def score(self, target: "Target") -> str:
        return "mean_iou"

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        check_rank(where, y, self.ranks, f"({len(y)}, height, width)")
        check_class_numbers(where, y, len(target.classes))


KIND = Mask()
