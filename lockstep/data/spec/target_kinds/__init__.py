"""Kinds of targets, one file each: what the model outputs, and which raw targets are right.

Each file defines `values`, `outputs`, `inner_shape`, `score`, `ACTIVATION` and `check`, which
raises DataError for raw targets, (n, ...), that aren't of this kind. Their reports are in
lockstep/evaluation/reports/, so that an edited plot retrains nothing. Data without a target have
the kind `none`, and no Target.
"""

from typing import TYPE_CHECKING, Protocol, cast

import numpy as np

from lockstep.data.spec.target_kinds import (
    classification,
    image,
    mask,
    multilabel,
    regression,
    sequence,
)

if TYPE_CHECKING:
    from lockstep.data.spec.targets import Target

NONE = "none"
_FILES = (classification, multilabel, regression, image, mask, sequence)
KINDS = tuple(file.__name__.rpartition(".")[2] for file in _FILES)


class TargetKind(Protocol):
    """What a file of this package defines."""

    ACTIVATION: str

    def values(self, target: "Target") -> str: ...  # noqa: D102
    def outputs(self, target: "Target") -> int: ...  # noqa: D102
    def inner_shape(self, target: "Target") -> tuple[int, ...]: ...  # noqa: D102
    def score(self, target: "Target") -> str: ...  # noqa: D102
    def check(self, where: str, y: np.ndarray, target: "Target") -> None: ...  # noqa: D102


def find(kind: str) -> TargetKind:
    """Return the file of a kind."""
    return cast("TargetKind", _FILES[KINDS.index(kind)])
