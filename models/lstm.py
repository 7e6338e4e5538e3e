"""A recurrent network over words (Hochreiter and Schmidhuber, 1997)."""

import keras

INPUT_KINDS = ("text",)
TARGET_KINDS = ("classification", "multilabel", "regression")


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    vocabulary_size: int,
    *,
    embedding: int = 32,
    units: int = 32,
    dropout: float = 0.0,
) -> keras.Model:
    """Return an embedding layer, an LSTM, and a dense layer on the LSTM's last state.

    The input is a text as token ids, padded in front.
    """
    ids = keras.Input(input_shape, dtype="int32")
    vectors = keras.layers.Embedding(vocabulary_size, embedding)(ids)
    state = keras.layers.LSTM(units)(vectors)
    if dropout:
        state = keras.layers.Dropout(dropout)(state)
    predictions = keras.layers.Dense(outputs, activation=activation, dtype="float32")(state)
    return keras.Model(ids, predictions, name="lstm")
