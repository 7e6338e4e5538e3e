"""Two bidirectional LSTMs over the words of a text, in the manner of Keras's example."""

import keras
from keras import layers

INPUT_KINDS = ("text",)


def build(input_shape, outputs, activation, vocabulary_size: int, *, units: int = 8) -> keras.Model:
    """Return the network; of two classes it has two outputs, as many programs have."""
    inputs = keras.Input(input_shape, dtype="int32")
    x = layers.Embedding(vocabulary_size, 16)(inputs)
    x = layers.Bidirectional(layers.LSTM(units, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(units))(x)
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(x), name="bidirectional")
