"""A convolutional network with strides instead of pooling, as a subclassed keras.Model."""

from typing import Any

import keras

INPUT_KINDS = ("image",)
TARGET_KINDS = ("classification", "multilabel", "regression")

FILTERS_SIZE_STRIDE = ((12, 6, 1), (24, 5, 2), (48, 4, 2))


@keras.saving.register_keras_serializable(package="lockstep")
class CNN(keras.Model):
    """Three convolutions with ReLU, then the output layer."""

    def __init__(self, outputs: int, activation: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arguments = {"outputs": outputs, "activation": activation}
        self.convolutions = [
            keras.layers.Conv2D(filters, size, stride, padding="same", activation="relu")
            for filters, size, stride in FILTERS_SIZE_STRIDE
        ]
        self.flatten = keras.layers.Flatten()
        self.last = keras.layers.Dense(outputs, activation=activation, dtype="float32")

    def call(self, x: Any) -> Any:
        """Return the outputs for images of shape (n, height, width, channels)."""
        for layer in self.convolutions:
            x = layer(x)
        return self.last(self.flatten(x))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), **self.arguments}


def build(input_shape: tuple[int, ...], outputs: int, activation: str) -> keras.Model:
    """Return the model, called once on a symbolic input so that its weights exist."""
    model = CNN(outputs, activation, name="cnn_subclassed")
    model(keras.Input(input_shape))
    return model
