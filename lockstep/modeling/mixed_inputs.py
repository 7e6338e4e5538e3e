"""Keras layers for models of mixed inputs: columns of a table, numbers, and words of a text."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

package = keras.saving.register_keras_serializable(package="lockstep")
SPREAD = 100  # of the logarithm, which keeps small numbers apart beside large ones


@package
class SomeColumns(keras.layers.Layer):
    """The columns at these places of a matrix, (batch, columns), in float32."""

    def __init__(self, places: list[int], **more: Any) -> None:
        # Not cast: 16 bits can't hold the numbers of a table apart.
        super().__init__(**{**more, "dtype": "float32"})
        self.places = list(places)

    def call(self, x: Any) -> Any:
        """Return (batch, places)."""
        # Keras's take would look for negative places in each step.
        return tf.gather(x, self.places, axis=1)

    def compute_output_spec(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the output's shape and dtype."""
        return keras.KerasTensor((x.shape[0], len(self.places)), "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), "places": self.places}


@package
class ColumnIds(keras.layers.Layer):
    """The ids of categories at one place of a matrix, (batch, columns), as whole numbers (batch,).

    `size` is the column's, which has an id for all that the training split doesn't have.
    """

    def __init__(self, place: int, size: int, **more: Any) -> None:
        # Not cast: 16 bits can't hold ids apart.
        super().__init__(**{**more, "dtype": "float32"})
        self.place, self.size = place, size

    def call(self, x: Any) -> Any:
        """Return (batch,), in the range of an embedding of `size`."""
        return ops.clip(ops.cast(x[:, self.place], "int32"), 0, self.size - 1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), "place": self.place, "size": self.size}


@package
class Numbers(keras.layers.Layer):
    """Numbers, (batch, columns), with mean 0 and deviation 1, and as logarithms from the least on.

    Logarithms matter for amounts such as prices and distances: most are small, and few very large.
    """

    def __init__(
        self, mean: list[float], deviation: list[float], least: list[float], **more: Any
    ) -> None:
        super().__init__(**{**more, "dtype": "float32"})
        self.arguments = {"mean": mean, "deviation": deviation, "least": least}
        self.mean, self.deviation, self.least = (
            np.array(each, np.float32) for each in (mean, deviation, least)
        )

    def call(self, numbers: Any) -> Any:
        """Return (batch, 2 columns)."""
        scaled = (numbers - self.mean) / self.deviation
        spread = np.where(self.mean > self.least, self.mean - self.least, np.float32(1))
        above = ops.maximum((numbers - self.least) / spread, 0)
        logarithms = ops.log1p(SPREAD * above) / np.log1p(np.float32(SPREAD))
        return ops.concatenate([scaled, logarithms], axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, from which Keras rebuilds a saved model."""
        return {**super().get_config(), **self.arguments}


@package
class AverageOfWords(keras.layers.Layer):
    """The average of a text's word vectors without padding, id 0; zeros for a text of no words."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**{**more, "dtype": "float32"})

    def call(self, ids: Any, vectors: Any) -> Any:
        """Return (batch, size) from ids, (batch, words), and vectors, (batch, words, size)."""
        words = ops.cast(ops.expand_dims(ops.not_equal(ids, 0), -1), vectors.dtype)
        return ops.sum(vectors * words, axis=1) / ops.maximum(ops.sum(words, axis=1), 1)
