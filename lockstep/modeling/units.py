"""The units of targets, in which a model gives numbers while it learns numbers near 0 and 1."""

from typing import Any

import keras

from lockstep.data.spec import Target


def in_units(target: Target, outputs: Any) -> Any:
    """Return outputs scaled by a target's mean and deviation, if spec.json has them."""
    if "deviation" not in target.statistics:
        return outputs
    scale, offset = target.statistics["deviation"], target.statistics["mean"]
    return keras.layers.Rescaling(scale, offset, dtype="float32")(outputs)
