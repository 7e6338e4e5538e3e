"""A class for each step, (n, steps); or numbers for each, (n, steps[, numbers])."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds.checks import check_class_numbers, check_numbers, check_rank
from lockstep.data.spec.target_kinds.kind import Kind, KindOfClasses

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target


class _Steps(Kind):
    def inner_shape(self, target: "Target") -> tuple[int, ...]:
        return tuple(target.shape[:1])


class SequenceOfNumbers(_Steps):
    ranks = (1, 2)

    def outputs(self, target: "Target") -> int:
        return target.shape[1] if len(target.shape) > 1 else 1

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        check_rank(where, y, self.ranks, f"({len(y)}, steps) or ({len(y)}, steps, numbers)")
        check_numbers(where, y)


class SequenceOfClasses(_Steps, KindOfClasses):
    ranks = (1,)

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        check_rank(where, y, self.ranks, f"({len(y)}, steps)")
        check_class_numbers(where, y, len(target.classes))


KIND = SequenceOfNumbers()
KIND_OF_CLASSES = SequenceOfClasses()
