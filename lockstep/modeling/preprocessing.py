"""Keras layers made from spec.json: what stands between stored examples and a model.

Training and evaluation apply them to each batch on the device, and the registered model has them
in front, so that the two can't drift apart.
"""

from typing import Any

import keras
import numpy as np

from lockstep.data.spec import Input, Spec, alone
from lockstep.modeling.layers import Categories


def layers(spec: Spec) -> keras.Model:
    """Return layers from stored examples, (batch, *shape), to model inputs.

    Those are float32, but ids of words int32; several inputs are dicts by name.
    """
    stored = {
        name: keras.Input(each.shape, dtype=_dtype(each), name=name)
        for name, each in spec.inputs.items()
    }
    ready = {name: _apply(each, spec.method, stored[name]) for name, each in spec.inputs.items()}
    return keras.Model(alone(stored), alone(ready), name="preprocessing")


def _dtype(each: Input) -> str:
    # Rows that are served aren't stored: in the ages' uint8, 40.5 would be 40, and 296 too.
    return "float32" if each.columns else each.dtype


def _apply(each: Input, method: str, stored: Any) -> Any:
    if each.kind == "text":
        return keras.ops.cast(stored, "int32")
    scale, offset = _scale_and_offset(each.statistics, method)
    # In float32 under mixed precision too: half of it can't tell 256 levels apart.
    scaled = keras.layers.Rescaling(scale, offset, dtype="float32")(stored)
    if any(each.columns.values()):
        return Categories([len(known) for known in each.columns.values()])(stored, scaled)
    return keras.layers.Reshape(each.model_shape, dtype="float32")(scaled)


def _scale_and_offset(
    statistics: dict[str, Any], method: str
) -> tuple[list[float] | float, list[float] | float]:
    """The affine map of a method; a constant column only loses its offset."""
    low, high, mean, deviation = (
        np.array(statistics[name]) for name in ("minimum", "maximum", "mean", "deviation")
    )
    origin, unit = {
        "unit": (low, high - low),
        "standard": (mean, deviation),
        "none": (np.zeros_like(low), np.ones_like(low)),
    }[method]
    scale = 1 / np.where(unit == 0, 1, unit)
    return scale.tolist(), (-origin * scale).tolist()
