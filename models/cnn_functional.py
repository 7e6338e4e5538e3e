"""A small convolutional network, built with the functional API."""

import keras

INPUT_KINDS = ("image",)
TARGET_KINDS = ("classification", "multilabel", "regression")


def build(input_shape: tuple[int, ...], outputs: int, activation: str) -> keras.Model:
    """Return two convolutions without padding, each with max pooling, then two dense layers."""
    inputs = keras.Input(input_shape)
    x = keras.layers.Conv2D(32, 3, activation="relu")(inputs)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Conv2D(64, 3, activation="relu")(x)
    x = keras.layers.MaxPooling2D(2)(x)
    x = keras.layers.Flatten()(x)
    x = keras.layers.Dense(64, activation="relu")(x)
    x = keras.layers.Dense(outputs, activation=activation, dtype="float32")(x)
    return keras.Model(inputs, x, name="cnn_functional")
