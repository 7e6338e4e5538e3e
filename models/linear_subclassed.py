"""A linear map as a subclassed keras.Model: softmax or linear regression."""

from typing import Any

import keras

INPUT_KINDS = ("image", "table", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


@keras.saving.register_keras_serializable(package="lockstep")
class Linear(keras.Model):
    """One dense layer over the flattened input."""

    def __init__(self, outputs: int, activation: str, zeros: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = {"outputs": outputs, "activation": activation, "zeros": zeros}
        self.flatten = keras.layers.Flatten()
        initializer = "zeros" if zeros else "glorot_uniform"
        self.dense = keras.layers.Dense(
            outputs, activation=activation, kernel_initializer=initializer, dtype="float32"
        )

    def call(self, x: Any) -> Any:
        """Return the outputs for a batch."""
        return self.dense(self.flatten(x))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), **self.arguments}


def build(
    input_shape: tuple[int, ...], outputs: int, activation: str, *, zeros: bool = False
) -> keras.Model:
    """Return the model, called once so that its weights exist; zero weights if `zeros`."""
    model = Linear(outputs, activation, zeros, name="linear_subclassed")
    model(keras.Input(input_shape))
    return model
