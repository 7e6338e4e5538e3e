"""The units of targets, and the scaled numbers near 0 and 1 that a model learns."""

from typing import Any

import keras
import numpy as np

from lockstep.data.spec import Target

# Statistics of what becomes 0 and 1 by each method of normalize.target.
STATISTICS = {"standard": ("mean", "deviation"), "unit": ("minimum", "maximum")}


def in_units(target: Target, outputs: Any) -> Any:
    """Return outputs scaled by a target's mean and deviation, if the loss compares its own numbers.

    They stay as they are without these in spec.json, and where normalize.target scales the target.
    """
    if "deviation" not in target.statistics or is_scaled(target):
        return outputs
    scale, offset = target.statistics["deviation"], target.statistics["mean"]
    return keras.layers.Rescaling(scale, offset, dtype="float32")(outputs)


def is_scaled(target: Target) -> bool:
    """Return whether normalize.target scales the target for the loss."""
    return target.method in STATISTICS


def scaled(target: Target, y: Any) -> Any:
    """Return targets, arrays or tensors, as the loss compares them with the model's outputs."""
    origin, unit = _origin_and_unit(target)
    numbers = y.astype(np.float32) if isinstance(y, np.ndarray) else keras.ops.cast(y, "float32")
    return (numbers - origin) / unit


def unscaled(target: Target, numbers: Any) -> Any:
    """Return scaled targets or outputs, tensors, in the target's units."""
    origin, unit = _origin_and_unit(target)
    return keras.ops.cast(numbers, "float32") * unit + origin


def unscaled_outputs(target: Target, outputs: Any) -> Any:
    """Return a model's outputs in the target's units, by a layer that a saved model keeps."""
    origin, unit = _origin_and_unit(target)
    return keras.layers.Rescaling(unit.tolist(), origin.tolist(), dtype="float32")(outputs)


def _origin_and_unit(target: Target) -> tuple[np.ndarray, np.ndarray]:
    first, second = (np.array(target.statistics[name]) for name in STATISTICS[target.method])
    unit = second - first if target.method == "unit" else second
    return first.astype(np.float32), np.where(unit == 0, 1, unit).astype(np.float32)
