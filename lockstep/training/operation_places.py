"""Where in a model an operation of a traced graph comes from, for messages."""

import re
from collections.abc import Iterator

import keras
import tensorflow as tf


def place_of(operation: tf.Operation, layers: set[str]) -> str:
    """Return the layer that an operation belongs to, or the operation's own name."""
    for part in reversed(operation.name.split("/")):
        # TensorFlow numbers a scope that is entered again.
        for name in (part, re.sub(r"_\d+$", "", part)):
            if name in layers:
                return f"the layer {name}"
    return f"the operation {operation.name}"


def layer_names(*models: keras.Model | None) -> set[str]:
    """Return the names of the models' layers, and of the layers inside of them."""
    every = [layer for each in models if each is not None for layer in each.layers]
    return {each.name for layer in every for each in _with_inner(layer)}


def _with_inner(layer: keras.Layer) -> Iterator[keras.Layer]:
    yield layer
    for inner in getattr(layer, "layers", []):
        yield from _with_inner(inner)
