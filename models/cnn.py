"""A small convolutional network, after LeNet-5 (LeCun et al., 1998) with ReLU and max pooling."""

import keras

INPUT_KINDS = ("image",)
TARGET_KINDS = ("classification", "multilabel", "regression")


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    *,
    filters: list[int] = [32, 64],  # noqa: B006  # read only
    units: int = 64,
    dropout: float = 0.0,
    batch_normalization: bool = False,
) -> keras.Model:
    """Return a 3x3 convolution and 2x2 max pooling for each of `filters`, then two dense layers.

    `input_shape` is (height, width, channels).
    """
    model = keras.Sequential([keras.Input(input_shape)], name="cnn")
    for count in filters:
        model.add(keras.layers.Conv2D(count, 3, activation="relu", padding="same"))
        if batch_normalization:
            model.add(keras.layers.BatchNormalization())
        model.add(keras.layers.MaxPooling2D())
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(units, activation="relu"))
    if dropout:
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(outputs, activation=activation, dtype="float32"))
    return model
