"""A compact convolutional transformer with stochastic depth, in the manner of Keras's example."""

import keras
from keras import layers, ops

INPUT_KINDS = ("image",)
package = keras.saving.register_keras_serializable(package="programs")


@package
class StochasticDepth(layers.Layer):
    """Leave the branch of a shortcut out for some examples, in training only."""

    def __init__(self, rate: float, **more: object) -> None:
        super().__init__(**more)
        self.rate = rate
        self.seeds = keras.random.SeedGenerator(1337)

    def call(self, x, training=False):
        if not training:
            return x
        shape = (ops.shape(x)[0],) + (1,) * (len(x.shape) - 1)
        kept = ops.floor(1 - self.rate + keras.random.uniform(shape, 0, 1, seed=self.seeds))
        return x / (1 - self.rate) * kept

    def get_config(self):
        return {**super().get_config(), "rate": self.rate}


@package
class Positions(layers.Layer):
    """Add a learned vector to each token of a sequence."""

    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], initializer="random_normal", name="table")

    def call(self, x):
        return x + self.table


@package
class SequencePooling(layers.Layer):
    """The average of a sequence, weighted by attention."""

    def __init__(self, **more: object) -> None:
        super().__init__(**more)
        self.attention = layers.Dense(1)

    def build(self, shape):
        self.attention.build(shape)

    def call(self, x):
        weights = ops.softmax(self.attention(x), axis=1)
        return ops.squeeze(ops.matmul(ops.transpose(weights, (0, 2, 1)), x), axis=1)


def build(input_shape, outputs, activation, *, size: int = 16, rate: float = 0.1) -> keras.Model:
    """Return the network; its outputs are logits."""
    inputs = keras.Input(input_shape)
    x = inputs if len(input_shape) > 2 else layers.Reshape((*input_shape, 1))(inputs)
    for filters in (8, size):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, activation="relu")(x)
        x = layers.MaxPooling2D(3, 2, "same")(x)
    x = Positions()(layers.Reshape((-1, size))(x))
    first = layers.LayerNormalization(epsilon=1e-5)(x)
    given = layers.MultiHeadAttention(2, size, dropout=0.1)(first, first)
    x = layers.Add()([StochasticDepth(rate)(given), x])
    second = layers.LayerNormalization(epsilon=1e-5)(x)
    given = layers.Dropout(0.1)(layers.Dense(size, keras.activations.gelu)(second))
    x = layers.Add()([StochasticDepth(rate)(given), x])
    x = SequencePooling()(layers.LayerNormalization(epsilon=1e-5)(x))
    return keras.Model(inputs, layers.Dense(outputs)(x), name="compact_transformer")
