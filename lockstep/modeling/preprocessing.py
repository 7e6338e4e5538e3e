"""Keras layers made from spec.json that turn stored examples into model inputs.

Training and evaluation apply them to each batch on the device, and the registered model contains
them, so that all preprocess alike.
"""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from lockstep.data.spec import Input, Spec, Target, unwrap_single
from lockstep.modeling import units
from lockstep.modeling.columns import PrepareColumns


def layers(spec: Spec, *, sized: bool = True) -> keras.Model:
    """Return a model that maps stored examples, (batch, *shape), to model inputs.

    Model inputs are float32, word ids int32; several inputs are dicts by name. Unless `sized`,
    images keep the size in which they are stored.
    """
    stored = {
        name: keras.Input(each.shape, dtype=_dtype(each), name=name)
        for name, each in spec.inputs.items()
    }
    ready = {name: _apply(each, spec.method, stored[name]) for name, each in spec.inputs.items()}
    if sized:
        ready = {name: _sized(each, ready[name]) for name, each in spec.inputs.items()}
    return keras.Model(unwrap_single(stored), unwrap_single(ready), name="preprocessing")


def sizing(spec: Spec) -> keras.Model | None:
    """Return a model that gives images the sizes of evaluation; None where they keep their own."""
    only = next(iter(spec.inputs.values()))
    if not only.sizes:
        return None
    images = keras.Input(only.prepared_shape)
    return keras.Model(images, _sized(only, images), name="sizing")


def _sized(each: Input, images: Any) -> Any:
    """Apply the layers that change sizes, as in evaluation.

    There a random crop is the largest part in the middle of the same proportions, resized, as its
    documentation says: Keras 3.15 leaves such pictures as they are.
    """
    for name, arguments in each.sizes:
        if name == "RandomCrop":
            size = arguments["height"], arguments["width"]
            layer = keras.layers.Resizing(*size, crop_to_aspect_ratio=True, dtype="float32")
        else:
            layer = getattr(keras.layers, name)(**{"dtype": "float32", **arguments})
        images = layer(images)
    return images


def scaled_targets(spec: Spec, y: Any) -> Any:
    """Return targets, arrays or tensors, as the loss compares them with the model's outputs.

    Pictures are scaled to 0..1 by the training split's range, numbers as normalize.target says; all
    others stay as they are stored.
    """
    return _of_each(spec, y, lambda target, each: _scaled(target, _as_reported(target, each)))


def reported_targets(spec: Spec, y: Any) -> Any:
    """Return targets as reports compare them with outputs: pictures scaled, others as stored."""
    return _of_each(spec, y, _as_reported)


def _of_each(spec: Spec, y: Any, function: Callable[[Target, Any], Any]) -> Any:
    if isinstance(y, Mapping):
        return {name: function(spec.targets[name], each) for name, each in y.items()}
    return function(next(iter(spec.targets.values())), y)


def _scaled(target: Target, y: Any) -> Any:
    return units.scaled(target, y) if units.is_scaled(target) else y


def _as_reported(target: Target, y: Any) -> Any:
    if target.kind != "image":
        return y
    low, high = target.statistics["minimum"], target.statistics["maximum"]
    numbers = y.astype(np.float32) if isinstance(y, np.ndarray) else keras.ops.cast(y, "float32")
    return (numbers - np.float32(low)) * np.float32(1 / ((high - low) or 1))


def _dtype(each: Input) -> str:
    # Served rows may not fit the stored dtype: uint8 would make 40 of both 40.5 and 296.
    return "float32" if each.columns else each.dtype


def _apply(each: Input, method: str, stored: Any) -> Any:
    if each.kind == "text":
        return keras.ops.cast(stored, "int32")
    scale, offset = scale_and_offset(each.statistics, method)
    if each.columns:
        return PrepareColumns(each.columns, scale, offset)(stored)
    # float32 even under mixed precision: 16 bits can't keep 256 levels apart.
    scaled = keras.layers.Rescaling(scale, offset, dtype="float32")(stored)
    return keras.layers.Reshape(each.prepared_shape, dtype="float32")(scaled)


def scale_and_offset(
    statistics: dict[str, Any], method: str
) -> tuple[list[float] | float, list[float] | float]:
    """Return a method's scale and offset; a constant column is only shifted."""
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
