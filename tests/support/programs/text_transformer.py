"""A transformer block over the words of a text, in the manner of Keras's example."""

import keras
from keras import layers, ops

INPUT_KINDS = ("text",)
package = keras.saving.register_keras_serializable(package="programs")


@package
class TokensAndPositions(layers.Layer):
    """The sum of an embedding of each token and one of its position."""

    def __init__(self, length: int, words: int, size: int, **more: object) -> None:
        super().__init__(**more)
        self.sizes = {"length": length, "words": words, "size": size}
        self.tokens = layers.Embedding(words, size)
        self.positions = layers.Embedding(length, size)

    def build(self, shape):
        self.tokens.build(shape)
        self.positions.build((self.sizes["length"],))

    def call(self, ids):
        return self.tokens(ids) + self.positions(ops.arange(self.sizes["length"]))

    def get_config(self):
        return {**super().get_config(), **self.sizes}


@package
class Block(layers.Layer):
    """Attention and two dense layers, each with dropout, a shortcut and normalization."""

    def __init__(self, size: int, heads: int, width: int, **more: object) -> None:
        super().__init__(**more)
        self.sizes = {"size": size, "heads": heads, "width": width}
        self.attention = layers.MultiHeadAttention(heads, size)
        self.dense = keras.Sequential([layers.Dense(width, "relu"), layers.Dense(size)])
        self.norms = [layers.LayerNormalization(epsilon=1e-6) for _ in range(2)]
        self.dropouts = [layers.Dropout(0.1) for _ in range(2)]

    def build(self, shape):
        self.attention.build(shape, shape)
        for each in (self.dense, *self.norms):
            each.build(shape)

    def call(self, x, training=False):
        given = self.dropouts[0](self.attention(x, x), training=training)
        x = self.norms[0](x + given)
        return self.norms[1](x + self.dropouts[1](self.dense(x), training=training))

    def get_config(self):
        return {**super().get_config(), **self.sizes}


def build(input_shape, outputs, activation, vocabulary_size: int, *, size: int = 16) -> keras.Model:
    """Return the network with two softmax outputs for two classes."""
    ids = keras.Input(input_shape, dtype="int32")
    x = TokensAndPositions(input_shape[0], vocabulary_size, size)(ids)
    x = layers.GlobalAveragePooling1D()(Block(size, 2, 16)(x))
    x = layers.Dropout(0.1)(layers.Dense(10, activation="relu")(layers.Dropout(0.1)(x)))
    return keras.Model(ids, layers.Dense(2, activation="softmax")(x), name="text_transformer")
