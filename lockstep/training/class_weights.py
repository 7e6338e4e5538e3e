"""How much each class counts in training."""

from collections.abc import Mapping

import numpy as np

from lockstep.data.spec import Parts, Spec
from lockstep.errors import ParamsError
from lockstep.messages import choice


def of(
    asked: str | Mapping[str | int, float] | None, spec: Spec, labels: Parts
) -> np.ndarray | None:
    """Return a weight for each class, in label order; a class that isn't named has 1.

    balanced: all classes together count the same, each example on average 1. Raises ParamsError
    for a class that the data set doesn't have.
    """
    if asked is None:
        return None
    classes = spec.target.classes if spec.target else []  # of several nobody knows whose
    if not classes:
        raise ParamsError(f"train.class_weights: {spec.data} has no classes, expected null")
    if isinstance(asked, str):
        counts = np.bincount(np.asarray(labels), minlength=len(classes))
        return (counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    weights = np.ones(len(classes), np.float32)
    for name, weight in asked.items():
        if str(name) not in classes:
            known = choice(str(name), classes)
            raise ParamsError(f"train.class_weights: got {name!r}, expected {known}")
        weights[classes.index(str(name))] = weight
    return weights
