"""A recurrent network (Hochreiter and Schmidhuber, 1997) over the words of a text or a series."""

import keras

from lockstep.data.spec import Spec
from lockstep.modeling.units import in_units

INPUT_KINDS = ("text", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    spec: Spec,
    *,
    embedding: int = 32,
    units: int = 32,
    dropout: float = 0.0,
) -> keras.Model:
    """Return an LSTM, and a dense layer on its last state, in the units of the targets.

    Of a text, which is token ids padded in front, it takes the words' embeddings.
    """
    (words,) = (each.words for each in spec.inputs.values())
    inputs = x = keras.Input(input_shape, dtype="int32" if words else "float32")
    if words:
        x = keras.layers.Embedding(len(words), embedding)(x)
    state = keras.layers.LSTM(units)(x)
    if dropout:
        state = keras.layers.Dropout(dropout)(state)
    predictions = keras.layers.Dense(outputs, activation=activation, dtype="float32")(state)
    (target,) = spec.targets.values()
    return keras.Model(inputs, in_units(target, predictions), name="lstm")
