"""The weight of each class in the training loss."""

from collections.abc import Mapping

import numpy as np

from lockstep.data.spec import Parts, Spec
from lockstep.errors import ParamsError
from lockstep.messages import choice


def of(
    weights: str | Mapping[str | int, float] | None, spec: Spec, labels: Parts
) -> np.ndarray | None:
    """Return the weight of each class, in label order, or None; classes not named get 1.

    `balanced` gives each class the same total weight, and an example 1 on average. Raises
    ParamsError for a class that the data set doesn't have.
    """
    if weights is None:
        return None
    classes = spec.target.classes if spec.target and spec.target.values == "classes" else []
    if not classes:
        if len(spec.targets) > 1:
            what = "several targets"
        elif spec.target and spec.target.values == "labels":
            what = "labels, several of which an example may have"
        else:
            what = "no classes"
        raise ParamsError(f"train.class_weight: {spec.data} has {what}, expected null")
    if isinstance(weights, str):
        counts = np.bincount(np.asarray(labels).ravel(), minlength=len(classes))
        return (counts.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    by_class = np.ones(len(classes), np.float32)
    for name, weight in weights.items():
        if str(name) not in classes:
            known = choice(str(name), classes)
            raise ParamsError(f"train.class_weight: got {name!r}, expected {known}")
        by_class[classes.index(str(name))] = weight
    return by_class
