"""The model of mlp.py, built with the functional API: the same seed gives the same weights."""

import keras

INPUT_KINDS = ("image", "table", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    *,
    units: int | list[int] = 128,
    dropout: float = 0.0,
) -> keras.Model:
    """Return a dense layer for each width in `units`, with dropout after each if not 0."""
    widths = [units] if isinstance(units, int) else units
    inputs = keras.Input(input_shape)
    x = keras.layers.Flatten()(inputs)
    for width in widths:
        x = keras.layers.Dense(width, activation="relu")(x)
        if dropout:
            x = keras.layers.Dropout(dropout)(x)
    x = keras.layers.Dense(outputs, activation=activation, dtype="float32")(x)
    return keras.Model(inputs, x, name="mlp_functional")
