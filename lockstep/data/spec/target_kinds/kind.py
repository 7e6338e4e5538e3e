"""What a kind of target says of a model's outputs; each file of this package refines it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target


class Kind:
    """Numbers, as many for each example as the target's shape says."""

    ranks: tuple[int, ...]  # the possible numbers of axes of one example

    def values(self, target: "Target") -> str:
        """Return what each value is: `classes`, one of several; `labels`, yes or no; `numbers`."""
        return "numbers"

    def outputs(self, target: "Target") -> int:
        """Return the size of the last axis of the model's output."""
        return target.shape[-1] if target.shape else 1

    def inner_shape(self, target: "Target") -> tuple[int, ...]:
        """Return the shape of the model's output for one example, without its last axis."""
        return ()

    def activation(self, target: "Target") -> str:
        """Return the activation of the output layer."""
        return "linear"

    def loss(self, target: "Target") -> str:
        """Return the default loss."""
        return "MeanSquaredError"

    def metric(self, target: "Target") -> str:
        """Return the default metric."""
        return "MeanAbsoluteError"

    def score(self, target: "Target") -> str:
        """Return the test metric that decides on registration by default."""
        return "r2"

    def check(self, where: str, y: np.ndarray, target: "Target") -> None:
        """Raise DataError for raw targets, (n, ...), that aren't of this kind."""
        raise NotImplementedError


class KindOfClasses(Kind):
    """One of several classes; two classes have one output, the second one's probability."""

    def values(self, target: "Target") -> str:
        return "classes"

    def outputs(self, target: "Target") -> int:
        return 1 if len(target.classes) <= 2 else len(target.classes)

    def activation(self, target: "Target") -> str:
        return "sigmoid" if self.outputs(target) == 1 else "softmax"

    def loss(self, target: "Target") -> str:
        one = self.outputs(target) == 1
        return "BinaryCrossentropy" if one else "SparseCategoricalCrossentropy"

    def metric(self, target: "Target") -> str:
        return "Accuracy"

    def score(self, target: "Target") -> str:
        return "accuracy"
