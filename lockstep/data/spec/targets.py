"""One target of a data set, as spec.json describes it."""

import dataclasses
from typing import Any

from lockstep.data.spec import target_kinds


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model predicts for an example; its kind is one of the files in target_kinds/."""

    kind: str
    classes: list[str] = dataclasses.field(default_factory=list)  # in label order; none: numbers
    shape: list[int] = dataclasses.field(default_factory=list)  # of one example, as stored
    # Of the training split, if the model's outputs are scaled: minimum and maximum.
    statistics: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def values(self) -> str:
        """What each value is: `classes`, one of several; `labels`, yes or no; or `numbers`."""
        return target_kinds.find(self.kind).values(self)

    @property
    def outputs(self) -> int:
        """Size of the last axis of the model's output.

        1 for two classes: the second one's probability.
        """
        if self.values == "classes":
            return 1 if len(self.classes) <= 2 else len(self.classes)
        return target_kinds.find(self.kind).outputs(self)

    @property
    def activation(self) -> str:
        """Activation of the output layer."""
        if self.values == "classes":
            return "sigmoid" if self.outputs == 1 else "softmax"
        return target_kinds.find(self.kind).ACTIVATION

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the model's output for one example."""
        return (*target_kinds.find(self.kind).inner_shape(self), self.outputs)

    @property
    def is_dense(self) -> bool:
        """Whether an example has a value for each pixel or step."""
        return len(self.output_shape) > 1

    @property
    def score(self) -> str:
        """The test metric that decides on registration by default."""
        return target_kinds.find(self.kind).score(self)
