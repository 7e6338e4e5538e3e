"""A multilayer perceptron as a subclassed keras.Model with Keras layers."""

from typing import Any

import keras

INPUT_KINDS = ("image", "table", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


@keras.saving.register_keras_serializable(package="lockstep")
class MLP(keras.Model):
    """A dense layer with ReLU for each width in `units`, then the output layer."""

    def __init__(self, units: list[int], outputs: int, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = {"units": units, "outputs": outputs, "activation": activation}
        self.flatten = keras.layers.Flatten()
        self.hidden = [keras.layers.Dense(width, activation="relu") for width in units]
        self.last = keras.layers.Dense(outputs, activation=activation, dtype="float32")

    def call(self, x: Any) -> Any:
        """Return the outputs for a batch."""
        x = self.flatten(x)
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), **self.arguments}


def build(
    input_shape: tuple[int, ...],
    outputs: int,
    activation: str,
    *,
    units: list[int] = [128],  # noqa: B006  # read only
) -> keras.Model:
    """Return the model, called once on a symbolic input so that its weights exist."""
    model = MLP(units, outputs, activation, name="mlp_subclassed")
    model(keras.Input(input_shape))
    return model
