"""One target of a data set, as spec.json describes it."""

import dataclasses
from typing import Any

from lockstep.data.spec import target_kinds
from lockstep.data.spec.target_kinds.kind import Kind

PROBABILITIES, LOGITS, SCORES, MARGINS = "probabilities", "logits", "scores", "margins"


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model predicts for an example; its kind is one of the files in target_kinds/."""

    kind: str
    classes: list[str] = dataclasses.field(default_factory=list)  # in label order; none: numbers
    shape: list[int] = dataclasses.field(default_factory=list)  # of one example, as stored
    # Of the training split: minimum and maximum of pictures, by which targets are scaled; mean and
    # deviation of other numbers of the user's own; all four of those that normalize.target scales.
    statistics: dict[str, Any] = dataclasses.field(default_factory=dict)
    method: str = "none"  # how numbers are scaled for the loss: normalize.target
    # Not in spec.json: what the model's file, or its loss, says of the outputs for classes and
    # labels: probabilities, logits, scores, or margins (of a hinge loss); empty: the last layer.
    outputs_are: str = ""

    @property
    def described(self) -> Kind:
        """What its kind says of it."""
        return target_kinds.find(self.kind, classes=bool(self.classes))

    @property
    def values(self) -> str:
        """What each value is: `classes`, one of several; `labels`, yes or no; or `numbers`."""
        return self.described.values(self)

    @property
    def outputs(self) -> int:
        """Size of the last axis of the model's output."""
        return self.described.outputs(self)

    @property
    def activation(self) -> str:
        """Activation of the output layer."""
        return self.described.activation(self)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of the model's output for one example."""
        return (*self.described.inner_shape(self), self.outputs)

    @property
    def is_between_0_and_1(self) -> bool:
        """Whether the loss compares numbers between 0 and 1, as those of pictures are."""
        return self.kind == "image" or (self.values == "numbers" and self.method == "unit")

    @property
    def has_scores(self) -> bool:
        """Whether the outputs aren't probabilities: above 0 speaks for a class, below against."""
        return self.outputs_are == SCORES

    @property
    def threshold(self) -> float:
        """The output above which a label, or the second of two classes, is predicted."""
        return 0.0 if self.has_scores else 0.5

    @property
    def is_dense(self) -> bool:
        """Whether an example has a value for each pixel or step."""
        return len(self.output_shape) > 1
