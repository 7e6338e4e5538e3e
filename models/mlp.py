"""A multilayer perceptron: fully connected layers with ReLU."""

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
    model = keras.Sequential([keras.Input(input_shape), keras.layers.Flatten()], name="mlp")
    for width in widths:
        model.add(keras.layers.Dense(width, activation="relu"))
        if dropout:
            model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(outputs, activation=activation, dtype="float32"))
    return model
