"""Statistics of targets that are numbers, by which a model's outputs or the targets are scaled."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from lockstep.data.deviation import deviation
from lockstep.data.spec import Examples, Target, Y, as_dict
from lockstep.errors import ParamsError

NONE = "none"


def with_statistics(
    targets: Mapping[str, Target], train: Examples, method: str, *, own: bool
) -> dict[str, Target]:
    """Return targets with the statistics of numbers in the training split.

    `method` is normalize.target, which scales them for the loss. Without it, a model may give its
    outputs in the units of the user's own numbers: what it learns is then near 0 and 1. Raises
    ParamsError for a method without such targets.
    """
    values = as_dict(train.y, Y) if targets else {}
    if method == NONE:
        numbers = [name for name, each in targets.items() if each.kind == "regression" and own]
        found = {name: _spread(values[name], (0,)) for name in numbers}
    else:
        found = {name: _all(each, values[name]) for name, each in _numbers(targets, method).items()}
    return {
        name: replace(each, statistics=found[name], method=method) if name in found else each
        for name, each in targets.items()
    }


def _numbers(targets: Mapping[str, Target], method: str) -> dict[str, Target]:
    """The targets that can be scaled; pictures are, anyway."""
    found = {
        name: each
        for name, each in targets.items()
        if each.values == "numbers" and each.kind != "image"
    }
    if not found:
        kinds = ", ".join(each.kind for each in targets.values()) or NONE
        raise ParamsError(
            f"normalize.target: got {method} for the target kind {kinds}, expected none: only the "
            "numbers of regression and sequence are scaled"
        )
    return found


def _all(target: Target, y: np.ndarray) -> dict[str, Any]:
    """Return all statistics, of each of a target's numbers over all examples and steps."""
    axes = tuple(range(len(target.output_shape)))
    limits = {"minimum": y.min(axis=axes).tolist(), "maximum": y.max(axis=axes).tolist()}
    return {**limits, **_spread(y, axes)}


def _spread(y: np.ndarray, axes: tuple[int, ...]) -> dict[str, Any]:
    mean = y.mean(axis=axes, dtype=np.float64)
    spread = deviation(y) if y.ndim == 1 else y.std(axis=axes, dtype=np.float64)
    return {"mean": mean.tolist(), "deviation": np.where(spread > 0, spread, 1).tolist()}
