"""How much each class counts in training."""

from collections.abc import Mapping

import numpy as np

from complaints import choice
from errors import ParamsError
from tasks._spec import Spec


def of(
    asked: str | Mapping[str | int, float] | None, spec: Spec, labels: np.ndarray
) -> np.ndarray | None:
    """Return a weight for each class, in label order; a class that isn't named has 1.

    balanced: all classes together count the same, each example on average 1. Raises ParamsError
    for a class that the data set doesn't have.
    """
    if asked is None:
        return None
    if not spec.classes:
        raise ParamsError(f"train.class_weights: {spec.data} has no classes, expected null")
    if isinstance(asked, str):
        counts = np.bincount(labels, minlength=len(spec.classes))
        return (len(labels) / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    weights = np.ones(len(spec.classes), np.float32)
    for name, weight in asked.items():
        if str(name) not in spec.classes:
            known = choice(str(name), spec.classes)
            raise ParamsError(f"train.class_weights: got {name!r}, expected {known}")
        weights[spec.classes.index(str(name))] = weight
    return weights
