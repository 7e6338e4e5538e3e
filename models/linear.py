"""A linear map from the input to the outputs: softmax or linear regression."""

import keras

INPUT_KINDS = ("image", "table", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


def build(input_shape: tuple[int, ...], outputs: int, activation: str) -> keras.Model:
    """Return one dense layer over the flattened input."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            keras.layers.Dense(outputs, activation=activation, dtype="float32"),
        ],
        name="linear",
    )
