"""Data augmentation with Keras layers: flips, rotations, noise."""

import inspect
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lockstep.config.keras_names import MOVING, NOISE, SIZES
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
    several = len(spec.inputs) > 1
    if several or any(each.words for each in spec.inputs.values()):
        raise ParamsError(
            f"train.augmentation: {spec.data} doesn't have a single numeric input, expected []"
        )
    _check_series(layer_configs, spec)
    _check_targets(layer_configs, spec)
    custom, unit = root / params.train.custom_objects_file, spec.method == "unit"
    (shape,) = (each.prepared_shape for each in spec.inputs.values())
    augment: list[Any] = [keras.Input(shape)]
    for each in layer_configs:
        augment.append(_make(each, custom, shape, unit=unit))
        if each.name in SIZES:
            shape = (each.arguments["height"], each.arguments["width"], *shape[2:])
    return keras.Sequential(augment, name="augmentation")


def _check_series(layer_configs: list[KerasObjectConfig], spec: Spec) -> None:
    """Refuse layers for pictures, which would take a batch of series for one picture."""
    wrong = next((each.name for each in layer_configs if each.name not in NOISE), None)
    if wrong and any(each.kind == "series" for each in spec.inputs.values()):
        raise ParamsError(
            f"train.augmentation: {wrong}: is for images, got series; expected {' or '.join(NOISE)}"
        )


def _check_targets(layer_configs: list[KerasObjectConfig], spec: Spec) -> None:
    """Refuse to move an example's pixels where its target has a value for each of them."""
    moving = next((each.name for each in layer_configs if each.name in MOVING), None)
    for name, target in spec.targets.items():
        if moving and target.is_dense:
            raise ParamsError(
                f"train.augmentation: {moving}: moves the pixels of an example, but not those of "
                f"the target {name}, of the kind {target.kind}; leave it out"
            )


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
