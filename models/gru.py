"""A recurrent network (Cho et al., 2014) over the steps of a series or a text."""

import keras

from lockstep.data.spec import Spec
from lockstep.modeling.units import in_units

INPUT_KINDS = ("series", "text")
TARGET_KINDS = ("classification", "multilabel", "regression", "sequence")


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    spec: Spec,
    *,
    units: int = 32,
    embedding: int = 32,
    each_step: bool = False,
) -> keras.Model:
    """Return a GRU and a dense layer: over its last state, or with `each_step` over every one.

    Of a text it takes the words' embeddings. Numbers are in the units of the targets.
    """
    (words,) = (each.words for each in spec.inputs.values())
    (target,) = spec.targets.values()
    inputs = x = keras.Input(input_shape, dtype="int32" if words else "float32")
    if words:
        x = keras.layers.Embedding(len(words), embedding)(x)
    x = keras.layers.GRU(units, return_sequences=each_step)(x)
    x = keras.layers.Dense(outputs, activation=activation, dtype="float32")(x)
    return keras.Model(inputs, in_units(target, x), name="gru")
