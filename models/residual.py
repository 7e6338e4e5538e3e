"""A residual block (He et al., 2015) as a nested keras.Model, followed by the output layer."""

from typing import Any

import keras

INPUT_KINDS = ("image",)
TARGET_KINDS = ("classification", "multilabel", "regression")


@keras.saving.register_keras_serializable(package="lockstep")
class Residual(keras.Model):
    """Three convolutions with batch normalization; the input is added to their output.

    The first and last convolution are 1x1. The last of `filters` must equal the input's channels,
    unless the input has one channel, which is then added to each filter's output.
    """

    def __init__(self, kernel: int, filters: list[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = {"kernel": kernel, "filters": filters}
        first, second, third = filters
        self.convolutions = [
            keras.layers.Conv2D(first, 1),
            keras.layers.Conv2D(second, kernel, padding="same"),
            keras.layers.Conv2D(third, 1),
        ]
        self.normalizations = [keras.layers.BatchNormalization() for _ in filters]

    def call(self, x: Any) -> Any:
        """Return images of the same height and width, with `filters[-1]` channels."""
        shortcut = x
        for number, convolution in enumerate(self.convolutions):
            x = keras.ops.relu(x) if number else x
            x = self.normalizations[number](convolution(x))
        return keras.ops.relu(keras.ops.add(x, shortcut))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), **self.arguments}


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    *,
    kernel: int = 1,
    filters: list[int] = [1, 2, 3],  # noqa: B006  # read only
) -> keras.Model:
    """Return the block and the output layer; `input_shape` is (height, width, channels)."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            Residual(kernel, filters, name="residual_block"),
            keras.layers.Flatten(),
            keras.layers.Dense(outputs, activation=activation, dtype="float32"),
        ],
        name="residual",
    )
