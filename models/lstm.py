"""A recurrent network over words (Hochreiter and Schmidhuber, 1997)."""

import keras


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    words: int,
    *,
    embedding: int = 32,
    units: int = 32,
    dropout: float = 0.0,
) -> keras.Model:
    """Return an embedding of `words` ids, an LSTM over them, and a dense layer on its last state.

    The input is a text: ids of words, padded in front.
    """
    ids = keras.Input(input_shape, dtype="int32")
    vectors = keras.layers.Embedding(words, embedding)(ids)
    state = keras.layers.LSTM(units)(vectors)
    if dropout:
        state = keras.layers.Dropout(dropout)(state)
    answer = keras.layers.Dense(outputs, activation=activation, dtype="float32")(state)
    return keras.Model(ids, answer, name="lstm")
