"""Mean and deviation of targets that are numbers, by which a model can scale its outputs."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lockstep.data.spec import Examples, Target, Y, as_dict


def with_statistics(targets: Mapping[str, Target], train: Examples) -> dict[str, Target]:
    """Return targets with the mean and deviation of numbers in the training split.

    A model may give its outputs in these units: what is to be learned is then near 0 and 1.
    """
    values = as_dict(train.y, Y) if targets else {}
    return {
        name: replace(each, statistics=_spread(values[name])) if each.kind == "regression" else each
        for name, each in targets.items()
    }


def _spread(y: np.ndarray) -> dict[str, Any]:
    mean, deviation = (np.asarray(f(y, axis=0, dtype=np.float64)) for f in (np.mean, np.std))
    return {"mean": mean.tolist(), "deviation": np.where(deviation > 0, deviation, 1).tolist()}
