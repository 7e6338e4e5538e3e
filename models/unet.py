"""A small U-Net (Ronneberger et al., 2015): an output for each pixel of an image."""

import keras

INPUT_KINDS = ("image",)
TARGET_KINDS = ("image", "mask")


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    *,
    filters: list[int] = [16, 32],  # noqa: B006  # read only
) -> keras.Model:
    """Return convolutions on each scale, halved and doubled again for each of `filters` but one.

    Height and width must divide by 2 to the power of the number of halvings.
    """
    inputs = x = keras.Input(input_shape)
    shortcuts = []
    for count in filters[:-1]:
        x = _convolutions(x, count)
        shortcuts.append(x)
        x = keras.layers.MaxPooling2D()(x)
    x = _convolutions(x, filters[-1])
    for count, shortcut in zip(filters[-2::-1], shortcuts[::-1], strict=True):
        x = keras.layers.Conv2DTranspose(count, 2, strides=2)(x)
        x = _convolutions(keras.layers.Concatenate()([shortcut, x]), count)
    x = keras.layers.Conv2D(outputs, 1, activation=activation, dtype="float32")(x)
    return keras.Model(inputs, x, name="unet")


def _convolutions(x: keras.KerasTensor, count: int) -> keras.KerasTensor:
    for _ in range(2):
        x = keras.layers.Conv2D(count, 3, activation="relu", padding="same")(x)
    return x
