"""Keras layers that vary a training batch: flips, rotations, noise."""

import inspect
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lockstep.config.schema import Named, Params
from lockstep.data.spec import Spec
from lockstep.errors import ParamsError
from lockstep.messages import first_line
from lockstep.modeling import keras_objects


def layers(params: Params, spec: Spec, root: Path) -> keras.Sequential | None:
    """Return the layers that the parameters name, from model inputs to model inputs, or None.

    Raises ParamsError for one that can't take them, such as RandomHue with grey images.
    """
    asked = params.train.augmentation
    if not asked:
        return None
    shape = spec.input_shape
    if not isinstance(shape, tuple) or any(each.words for each in spec.inputs.values()):
        raise ParamsError(
            f"train.augmentation: {spec.data} isn't one input of numbers, expected []"
        )
    own, unit = root / params.train.own, spec.method == "unit"
    made = [_make(each, own, shape, unit=unit) for each in asked]
    return keras.Sequential([keras.Input(shape), *made], name="augmentation")


def _make(named: Named, own: Path, shape: tuple[int, ...], *, unit: bool) -> keras.Layer:
    defaults: dict[str, Any] = {"dtype": "float32"}
    kind = getattr(keras.layers, named.name, None)
    if unit and kind and "value_range" in inspect.signature(kind).parameters:
        defaults["value_range"] = (0, 1)  # Keras takes pixels to be from 0 to 255
    layer = keras_objects.make(keras.layers, named, "augmentation", own, defaults)
    try:
        # Some look at their input only when they are called in training, in the graph.
        alone = keras.Sequential([keras.Input(shape), layer])
        call = tf.function(lambda x: alone(x, training=True))
        call.get_concrete_function(tf.TensorSpec((None, *shape), tf.float32))
    except (TypeError, ValueError) as error:
        raise ParamsError(
            f"train.augmentation: {named.name}: can't take examples of shape {shape}: "
            f"{first_line(error)}"
        ) from None
    return layer
