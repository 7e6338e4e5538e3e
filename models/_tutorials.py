"""Custom losses and a custom metric, for `train.custom_objects_file`."""

from typing import Any

import keras
from keras import ops

EPSILON = 1e-7  # Keras's default; keeps the logarithm of a probability finite


@keras.saving.register_keras_serializable(package="lockstep")
class SumOfSquares(keras.losses.Loss):
    """The sum over the batch of squared differences between target and output.

    Shows a common mistake: targets of shape (n,) and outputs of shape (n, 1) broadcast to (n, n).
    `aligned` first reshapes the targets to the outputs' shape, which avoids it.
    """

    def __init__(
        self, aligned: bool = False, name: str = "sum_of_squares", reduction: str = "sum"
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        self.aligned = aligned

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the sum of squared differences along the last axis."""
        if self.aligned:
            y_true = ops.reshape(y_true, ops.shape(y_pred))
        return ops.sum(ops.square(y_true - y_pred), axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"aligned": self.aligned, "name": self.name, "reduction": self.reduction}


@keras.saving.register_keras_serializable(package="lockstep")
class Crossentropy(keras.losses.Loss):
    """Minus the logarithm of the probability predicted for the true class.

    Equivalent to keras.losses.SparseCategoricalCrossentropy.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss per example, (n,), for labels (n,) and probabilities (n, classes)."""
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        true_class = ops.sum(ops.one_hot(labels, y_pred.shape[-1]) * y_pred, axis=-1)
        return -ops.log(ops.clip(true_class, EPSILON, 1.0))


@keras.saving.register_keras_serializable(package="lockstep")
class Hits(keras.metrics.Metric):
    """The share of examples for which the true class has the highest probability.

    Equivalent to keras.metrics.SparseCategoricalAccuracy.
    """

    def __init__(self, name: str = "hits", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hits = self.add_weight(name="hits", initializer="zeros")
        self.examples = self.add_weight(name="examples", initializer="zeros")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch, each example multiplied by its sample weight."""
        labels = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        hits = ops.cast(ops.equal(labels, ops.argmax(y_pred, axis=-1)), "float32")
        weights = (
            ops.ones_like(hits) if sample_weight is None else ops.cast(sample_weight, "float32")
        )
        self.hits.assign_add(ops.sum(hits * weights))
        self.examples.assign_add(ops.sum(weights))

    def result(self) -> Any:
        """Return the accuracy so far; 0 before the first example."""
        return ops.divide_no_nan(self.hits, self.examples)
