"""A kernel machine: a linear classifier of random Fourier features, trained with a hinge loss."""

import math

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable(package="programs")
class RandomFourierFeatures(layers.Layer):
    """Cosines of fixed random projections, whose products approximate a Gaussian kernel."""

    def __init__(self, count: int, scale: float, seed: int = 1, **more: object) -> None:
        super().__init__(**more)
        self.count, self.scale, self.seed = count, scale, seed

    def build(self, shape):
        normal = keras.initializers.RandomNormal(0, 1, self.seed)
        turn = keras.initializers.RandomUniform(0, 2 * math.pi, self.seed + 1)
        size = (shape[-1], self.count)
        self.kernel = self.add_weight(shape=size, initializer=normal, trainable=False)
        self.phase = self.add_weight(shape=(self.count,), initializer=turn, trainable=False)

    def call(self, x):
        return ops.cos(ops.matmul(x / self.scale, self.kernel) + self.phase)

    def get_config(self):
        own = {"count": self.count, "scale": self.scale, "seed": self.seed}
        return {**super().get_config(), **own}


def build(
    input_shape, outputs, activation, *, features: int = 256, scale: float = 10.0
) -> keras.Model:
    """Return the machine; its outputs are the sums whose margin the loss widens."""
    inputs = keras.Input(input_shape)
    x = RandomFourierFeatures(features, scale)(layers.Flatten()(inputs))
    return keras.Model(inputs, layers.Dense(outputs)(x), name="random_features")
