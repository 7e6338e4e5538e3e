"""A multilayer perceptron of a custom layer: dense, without bias."""

from typing import Any

import keras

INPUT_KINDS = ("image", "table", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


@keras.saving.register_keras_serializable(package="lockstep")
class Unbiased(keras.layers.Layer):
    """A dense layer without bias: a matrix product, then the activation."""

    def __init__(self, units: int, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel for the input's width."""
        self.kernel = self.add_weight((input_shape[-1], self.units), "glorot_uniform")

    def call(self, x: Any) -> Any:
        """Return the outputs for a batch of shape (n, width)."""
        return self.activation(keras.ops.matmul(x, self.kernel))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved layer."""
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}


def build(
    input_shape: tuple[int, ...], outputs: int, activation: str, *, units: int = 64
) -> keras.Model:
    """Return a hidden layer with ReLU and the output layer, over the flattened input."""
    return keras.Sequential(
        [
            keras.Input(input_shape),
            keras.layers.Flatten(),
            Unbiased(units, "relu"),
            Unbiased(outputs, activation, dtype="float32"),
        ],
        name="custom_layer",
    )
