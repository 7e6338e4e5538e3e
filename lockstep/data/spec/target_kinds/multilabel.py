"""Any number of labels for each example: zeros and ones, (n, labels)."""

from typing import TYPE_CHECKING

import numpy as np

from lockstep.data.spec.target_kinds.checks import check_class_numbers, check_rank
from lockstep.data.spec.target_kinds.kind import Kind
from lockstep.errors import DataError

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target


class Multilabel(Kind):
    ranks = (1,)

    def values(self, target: "Target") -> str:
        return "labels"

    def activation(self, target: "Target") -> str:
        return "sigmoid"

    def loss(self, target: "Target") -> str:
        return "BinaryCrossentropy"

    def metric(self, target: "Target") -> str:
        return "Accuracy"

    def score(self, target: "Target") -> str:
        return "macro_f1"

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        check_rank(where, y, self.ranks, f"({len(y)}, labels) of zeros and ones")
        if y.shape[1] != len(target.classes):
            raise DataError(f"{where}: {y.shape[1]} labels, expected {len(target.classes)}")
        check_class_numbers(where, y, 2)


KIND = Multilabel()
