"""A multilayer perceptron as two matrix products, without Keras layers."""

import math
from typing import Any

import keras
from keras import ops

INPUT_KINDS = ("image", "table", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


@keras.saving.register_keras_serializable(package="lockstep")
class Naive(keras.Model):
    """A hidden layer with ReLU, then the output layer.

    Weights are initialized uniformly in [0, 0.1), biases to 0.
    """

    def __init__(self, units: int, outputs: int, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = {"units": units, "outputs": outputs, "activation": activation}
        self.units, self.width = units, outputs
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights by `add_weight`; Keras doesn't track or save a plain tf.Variable."""
        inputs = math.prod(size for size in input_shape[1:] if size)
        self.hidden = self._layer("hidden", inputs, self.units)
        self.last = self._layer("last", self.units, self.width, dtype="float32", autocast=False)

    def _layer(self, name: str, inputs: int, outputs: int, **options: Any) -> tuple[Any, Any]:
        uniform = keras.initializers.RandomUniform(0.0, 0.1)
        weights = self.add_weight((inputs, outputs), uniform, name=f"{name}_weights", **options)
        return weights, self.add_weight((outputs,), "zeros", name=f"{name}_biases", **options)

    def call(self, x: Any) -> Any:
        """Return the outputs for a batch of shape (n, ...)."""
        x = ops.reshape(x, (-1, self.hidden[0].shape[0]))
        x = ops.relu(ops.matmul(x, self.hidden[0]) + self.hidden[1])
        x = ops.cast(x, "float32")  # for the output layer, also under mixed precision
        return self.activation(ops.matmul(x, self.last[0]) + self.last[1])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), **self.arguments}


def build(
    input_shape: tuple[int, ...], outputs: int, activation: str, *, units: int = 512
) -> keras.Model:
    """Return the model, called once on a symbolic input so that its weights exist."""
    model = Naive(units, outputs, activation, name="naive")
    model(keras.Input(input_shape))
    return model
