"""The kind of targets, where their values make it certain."""

import numpy as np

from lockstep.data.blocks import blocks
from lockstep.data.labels import distinct, is_one_hot, is_text
from lockstep.data.spec.target_kinds import KINDS, NONE
from lockstep.errors import DataError

# Whole numbers that don't count up from 0 or 1 are classes if so few of them are distinct, as in
# AutoGluon's inference of the problem type.
MAX_CLASSES = 1000
SHARE, SHARE_OF_FEW, FEW_ROWS = 0.05, 0.1, 1000
RANK_OF_SERIES = 3


def infer_kind(shape: tuple[int, ...], y: np.ndarray) -> str:
    """Return the kind of raw targets, (n, ...), for inputs of this shape.

    Raises DataError where it isn't certain.
    """
    inner = tuple(size for size in y.shape[1:] if size != 1)
    if not inner:
        return "classification" if are_classes(y) else "regression"
    steps = shape[1] if len(shape) == RANK_OF_SERIES else None
    if len(inner) == 1 and inner[0] != steps and not is_text(y):
        if is_one_hot(y):
            return "classification"
        return "multilabel" if np.isin(y, (0, 1)).all() else "regression"
    kinds = ", ".join((*KINDS, NONE))
    raise DataError(
        f"targets of shape {y.shape} for inputs of shape {shape}: their kind isn't certain, "
        f"set data.target_kind to one of {kinds}"
    )


def check_dtype(y: np.ndarray) -> None:
    """Raise DataError for targets that are neither numbers nor texts."""
    if y.dtype.kind not in "fiubU" and not is_text(y):
        raise DataError(
            f"targets are {y.dtype}, expected whole numbers, numbers, texts, or true and false"
        )


def are_classes(y: np.ndarray) -> bool:
    """Return whether values, of any shape, are the names or numbers of classes."""
    if is_text(y) or y.dtype.kind == "b":
        return True
    if not y.size or not all((y[block] == np.trunc(y[block])).all() for block in blocks(y)):
        return False  # fractions, or NaN
    if y.dtype.kind in "iu" and _count_up(y):
        return True
    count = len(distinct(y, MAX_CLASSES))
    if count <= 2:
        return count < y.size  # each value only once: the number of the row
    share = SHARE if len(y) > FEW_ROWS else SHARE_OF_FEW
    return count <= min(MAX_CLASSES, share * len(y))


def _count_up(y: np.ndarray) -> bool:
    """Whether whole numbers are all those from 0 or 1 to the last, and some are there twice."""
    first, last = int(y.min()), int(y.max())
    count = last - first + 1
    if first not in (0, 1) or count >= y.size:
        return False
    found = np.zeros(count, bool)
    for block in blocks(y):
        found[y[block] - first] = True
    return bool(found.all())
