"""A recurrent network (Cho et al., 2014) over the steps of a series or a text."""

import keras

INPUT_KINDS = ("series", "text")
TARGET_KINDS = ("classification", "multilabel", "regression", "sequence")


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    vocabulary_size: int | None = None,
    *,
    units: int = 32,
    embedding: int = 32,
    each_step: bool = False,
) -> keras.Model:
    """Return a GRU and a dense layer: over its last state, or with `each_step` over every one.

    Of a text it takes the words' embeddings.
    """
    inputs = x = keras.Input(input_shape, dtype="int32" if vocabulary_size else "float32")
    if vocabulary_size:
        x = keras.layers.Embedding(vocabulary_size, embedding)(x)
    x = keras.layers.GRU(units, return_sequences=each_step)(x)
    x = keras.layers.Dense(outputs, activation=activation, dtype="float32")(x)
    return keras.Model(inputs, x, name="gru")
