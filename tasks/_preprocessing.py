"""Keras layers made from spec.json: what stands between stored examples and a model.

Training and evaluation apply them to each batch on the device, and the registered model has them
in front, so that the two can't drift apart.
"""

import keras
import numpy as np

from tasks._spec import Spec


def layers(spec: Spec) -> keras.Sequential:
    """Return layers from stored examples, (batch, *spec.shape), to model inputs in float32."""
    scale, offset = _scale_and_offset(spec)
    return keras.Sequential(
        [
            keras.Input(spec.shape, dtype=spec.dtype),
            # In float32 under mixed precision too: half of it can't tell 256 levels apart.
            keras.layers.Rescaling(scale, offset, dtype="float32"),
            keras.layers.Reshape(spec.input_shape, dtype="float32"),
        ],
        name="preprocessing",
    )


def _scale_and_offset(spec: Spec) -> tuple[list[float] | float, list[float] | float]:
    """The affine map of spec.method; a constant column only loses its offset."""
    low, high, mean, deviation = (
        np.array(spec.statistics[name])
        for name in ("minimum", "maximum", "mean", "deviation")
    )  # fmt: skip
    origin, unit = {
        "unit": (low, high - low),
        "standard": (mean, deviation),
        "none": (np.zeros_like(low), np.ones_like(low)),
    }[spec.method]
    scale = 1 / np.where(unit == 0, 1, unit)
    return scale.tolist(), (-origin * scale).tolist()
