"""One of several classes for each example: class numbers, (n,)."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds.checks import check_class_numbers, check_rank
from lockstep.data.spec.target_kinds.kind import KindOfClasses

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target


class Classification(KindOfClasses):
    ranks = (0,)

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        check_rank(where, y, self.ranks, f"({len(y)},) like the inputs")
        check_class_numbers(where, y, len(target.classes))


KIND = Classification()
