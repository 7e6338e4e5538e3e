"""A subset of the training data, by the parameter data.limit."""

from collections.abc import Mapping

import numpy as np

from lockstep.config.schema import Data
from lockstep.data import random_streams
from lockstep.data.spec import Target
from lockstep.data.strata import draw, draw_by_class
from lockstep.errors import ParamsError
from lockstep.process import console


def draw_limit(
    y: object, indices: np.ndarray, targets: Mapping[str, Target], data: Data, seed: int
) -> np.ndarray:
    """Return a mask, (n,), of the `data.limit` training examples that are kept.

    They are drawn by the seed, of each class in about its share. `indices`, (n,), are those of the
    examples in the targets `y`. Raises ParamsError for more than there are, or fewer than classes.
    """
    count, size = int(data.limit or 0), len(indices)
    if count > size:
        raise ParamsError(
            f"data.limit: got {count} for {size} training examples, expected at most {size}, or "
            "null for all"
        )
    by_class = data.stratify is not False and are_classes(targets)
    classes = np.asarray(y)[indices] if by_class else None
    if classes is not None and count < (different := len(np.unique(classes))):
        raise ParamsError(
            f"data.limit: got {count} for {different} classes, expected at least {different}, or "
            "data.stratify false"
        )
    shares = ", with each class's share" if by_class else ""
    console.say(f"data.limit: {count:,} of {size:,} training examples, drawn by the seed{shares}")
    generator = random_streams.generator(seed, random_streams.LIMIT)
    if classes is not None:
        return draw_by_class(classes, count, generator)
    return draw(size, count, generator)


def are_classes(targets: Mapping[str, Target]) -> bool:
    """Return whether there is one target, a class for each example."""
    return [each.kind for each in targets.values()] == ["classification"]
