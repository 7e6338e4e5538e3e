"""One number for each example, (n,), or several, (n, numbers)."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds.checks import check_numbers, check_rank
from lockstep.data.spec.target_kinds.kind import Kind

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target


class Regression(Kind):
    ranks = (0, 1)

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        check_rank(where, y, self.ranks, f"({len(y)},) or ({len(y)}, numbers)")
        check_numbers(where, y)


KIND = Regression()
