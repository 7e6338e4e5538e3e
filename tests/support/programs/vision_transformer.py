"""A vision transformer over patches of a picture, in the manner of Keras's example."""

import keras
from keras import layers, ops

INPUT_KINDS = ("image",)
package = keras.saving.register_keras_serializable(package="programs")


@package
class Patches(layers.Layer):
    """Cut pictures, (batch, height, width, channels), into flat patches, (batch, patches, size)."""

    def __init__(self, side: int, **more: object) -> None:
        super().__init__(**more)
        self.side = side

    def call(self, pictures):
        found = ops.image.extract_patches(pictures, self.side)
        _, rows, columns, size = found.shape
        return ops.reshape(found, (-1, rows * columns, size))

    def get_config(self):
        return {**super().get_config(), "side": self.side}


@package
class PatchEncoder(layers.Layer):
    """A projection of each patch, and an embedding of its place."""

    def __init__(self, patches: int, size: int, **more: object) -> None:
        super().__init__(**more)
        self.patches, self.size = patches, size
        self.projection = layers.Dense(size)
        self.places = layers.Embedding(patches, size)

    def build(self, shape):
        self.projection.build(shape)
        self.places.build((self.patches,))

    def call(self, patches):
        places = ops.expand_dims(ops.arange(self.patches), 0)
        return self.projection(patches) + self.places(places)

    def get_config(self):
        return {**super().get_config(), "patches": self.patches, "size": self.size}


def block(x, size: int):
    """Return attention and two dense layers, each behind a normalization and with a shortcut."""
    first = layers.LayerNormalization(epsilon=1e-6)(x)
    x = layers.Add()([layers.MultiHeadAttention(2, size, dropout=0.1)(first, first), x])
    second = layers.Dense(2 * size, keras.activations.gelu)(layers.LayerNormalization()(x))
    return layers.Add()([layers.Dense(size)(layers.Dropout(0.1)(second)), x])


def build(input_shape, outputs, activation, *, side: int = 4, size: int = 16) -> keras.Model:
    """Return the network; its outputs are logits."""
    inputs = keras.Input(input_shape)
    x = inputs if len(input_shape) > 2 else layers.Reshape((*input_shape, 1))(inputs)
    x = Patches(side)(layers.RandomZoom(0.1, seed=5)(layers.RandomFlip("horizontal")(x)))
    x = block(PatchEncoder(x.shape[1], size)(x), size)
    x = layers.Flatten()(layers.LayerNormalization(epsilon=1e-6)(x))
    x = layers.Dense(32, keras.activations.gelu)(layers.Dropout(0.5)(x))
    return keras.Model(inputs, layers.Dense(outputs)(x), name="vision_transformer")
