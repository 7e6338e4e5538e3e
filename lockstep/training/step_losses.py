"""The loss of each training step and replica, caught while the step is traced."""

import functools
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

LOSS = "loss"


class StepLosses:
    """Catches the loss that a model computes in a step, and gives it the weight of its share.

    Keras averages the gradients of the replicas. Where their shares of a batch differ in size, the
    loss of each is weighted by its share, so that the gradient is that of the whole batch's mean.
    A model with its own train_step has the losses that its logs name.
    """

    def __init__(self, model: keras.Model, replicas: int, *, own: bool) -> None:
        self.names = [LOSS]
        self.own, self.replicas = own, replicas
        self._caught: dict[int, tf.Tensor] = {}
        self._weights: dict[int, float] = {}
        model.compute_loss = self._catching(model.compute_loss)
        if model.optimizer is not None:
            model.optimizer.scale_loss = self._weighing(model.optimizer.scale_loss)

    def shape(self) -> tf.TensorShape:
        """Return the shape of a step's losses; of an own train_step it is known once traced."""
        return tf.TensorShape([None if self.own else 1])

    def begin(self, weight: float) -> None:
        """Begin a step on this replica, whose loss gets this weight among the replicas."""
        self._weights[_replica()] = weight

    def of(self, logs: Mapping[str, Any]) -> tf.Tensor:
        """Return this replica's share of the step's losses, (losses,): all replicas' add up."""
        if not self.own:
            # Keras has divided it by the number of replicas.
            weight = self._weights[_replica()]
            return tf.reshape(tf.cast(self._caught[_replica()], tf.float32) * weight, [1])
        found = {name: each for name, each in logs.items() if LOSS in name}
        self.names = list(found)
        losses = [tf.cast(each, tf.float32) / self.replicas for each in found.values()]
        return tf.stack(losses) if losses else tf.zeros([0])

    def _catching(self, compute_loss: Any) -> Any:
        @functools.wraps(compute_loss)
        def caught(*args: Any, **kwargs: Any) -> Any:
            loss = compute_loss(*args, **kwargs)
            self._caught[_replica()] = loss
            return loss

        return caught

    def _weighing(self, scale_loss: Any) -> Any:
        @functools.wraps(scale_loss)
        def weighed(loss: Any) -> Any:
            weight = self._weights.get(_replica(), 1.0)
            return scale_loss(loss if weight == 1 else loss * weight)

        return weighed


def _replica() -> int:
    """The number of the replica that is being traced; replicas are traced in turns."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else int(tf.get_static_value(context.replica_id_in_sync_group))
