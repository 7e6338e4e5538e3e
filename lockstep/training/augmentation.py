"""Data augmentation with Keras layers: flips, rotations, noise."""

import inspect
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lockstep.config.schema import KerasObjectConfig, Params
from lockstep.data.spec import Spec
from lockstep.errors import ParamsError
from lockstep.messages import first_line
from lockstep.modeling import keras_objects


def layers(params: Params, spec: Spec, root: Path) -> keras.Sequential | None:
    """Return a model of the layers in `train.augmentation`, or None if there are none.

    It maps model inputs to model inputs. Raises ParamsError for a layer that doesn't accept the
    inputs, such as RandomHue with grey images.
    """
    layer_configs = params.train.augmentation
    if not layer_configs:
        return None
    shape = spec.input_shape
    if not isinstance(shape, tuple) or any(each.words for each in spec.inputs.values()):
        raise ParamsError(
            f"train.augmentation: {spec.data} doesn't have a single numeric input, expected []"
        )
    custom, unit = root / params.train.custom_objects_file, spec.method == "unit"
    augment = [_make(each, custom, shape, unit=unit) for each in layer_configs]
    return keras.Sequential([keras.Input(shape), *augment], name="augmentation")


def _make(
    config: KerasObjectConfig, custom: Path, shape: tuple[int, ...], *, unit: bool
) -> keras.Layer:
    defaults: dict[str, Any] = {"dtype": "float32"}
    layer_class = getattr(keras.layers, config.name, None)
    if unit and layer_class and "value_range" in inspect.signature(layer_class).parameters:
        defaults["value_range"] = (0, 1)  # Keras's default is (0, 255)
    layer = keras_objects.make(keras.layers, config, "augmentation", custom, defaults)
    try:
        # Some layers check their input only when called in a graph with training=True.
        model = keras.Sequential([keras.Input(shape), layer])
        call = tf.function(lambda x: model(x, training=True))
        call.get_concrete_function(tf.TensorSpec((None, *shape), tf.float32))
    except (TypeError, ValueError) as error:
        raise ParamsError(
            f"train.augmentation: {config.name}: can't take examples of shape {shape}: "
            f"{first_line(error)}"
        ) from None
    return layer
