"""Kinds of targets, one file each: what the model outputs, and which raw targets are right.

Their reports are in lockstep/evaluation/reports/, so that an edited plot retrains nothing. Data
without a target have the kind `none`, and no Target.
"""

from lockstep.data.spec.target_kinds import (
    classification,
    image,
    mask,
    multilabel,
    regression,
    sequence,
)
from lockstep.data.spec.target_kinds.kind import Kind

NONE = "none"
_KINDS: dict[str, Kind] = {
    "classification": classification.KIND,
    "multilabel": multilabel.KIND,
    "regression": regression.KIND,
    "image": image.KIND,
    "mask": mask.KIND,
    "sequence": sequence.KIND,
}
KINDS = tuple(_KINDS)


def find(kind: str, *, classes: bool) -> Kind:
    """Return a kind; that of a sequence depends on whether it has classes."""
    return sequence.KIND_OF_CLASSES if kind == "sequence" and classes else _KINDS[kind]
