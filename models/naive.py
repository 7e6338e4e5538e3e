"""What layers are made of: two matrix products with weights of the model's own, no Keras layer."""

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="lockstep")
class Naive(keras.Model):
    """A hidden layer with ReLU, then the output layer; weights begin in [0, 0.1), biases at 0."""

    def __init__(self, units: int, outputs: int, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = {"units": units, "outputs": outputs, "activation": activation}
        self.units, self.width = units, outputs
        self.activation = keras.activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights. Raw variables in their place wouldn't be tracked, nor saved."""
        inputs = math.prod(size for size in input_shape[1:] if size)
        self.hidden = self._layer("hidden", inputs, self.units)
        self.last = self._layer("last", self.units, self.width, dtype="float32", autocast=False)

    def _layer(self, name: str, inputs: int, outputs: int, **as_is: Any) -> tuple[Any, Any]:
        uniform = keras.initializers.RandomUniform(0.0, 0.1)
        weights = self.add_weight((inputs, outputs), uniform, name=f"{name}_weights", **as_is)
        return weights, self.add_weight((outputs,), "zeros", name=f"{name}_biases", **as_is)

    def call(self, x: Any) -> Any:
        """Return the outputs for a batch."""
        x = ops.reshape(x, (-1, self.hidden[0].shape[0]))
        x = ops.relu(ops.matmul(x, self.hidden[0]) + self.hidden[1])
        x = ops.cast(x, "float32")  # the last layer isn't computed in half of it
        return self.activation(ops.matmul(x, self.last[0]) + self.last[1])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which a saved model is made again."""
        return {**super().get_config(), **self.arguments}


def build(
    input_shape: tuple[int, ...], outputs: int, activation: str, *, units: int = 512
) -> keras.Model:
    """Return the model after a first call, with which its weights exist."""
    model = Naive(units, outputs, activation, name="naive")
    model(keras.Input(input_shape))
    return model
