"""Give each of Keras's losses and metrics targets and outputs in the form that it takes."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import ops

from lockstep.data.spec import Target
from lockstep.modeling import units
from lockstep.modeling.target_forms import AS_GIVEN, COLUMN, IOU, ONE_HOT, SPARSE


class Form(NamedTuple):
    """The form of a target and of a model's outputs for a loss or metric.

    `flat` makes one example of each pixel or step, for metrics. `logits` says that the outputs are
    logits; unless `keep_logits`, they become probabilities. `both` says that of two classes each
    has an output. `in_units` says that both are scaled, by normalize.target, and return to the
    target's units.
    """

    name: str
    target: Target
    flat: bool = False
    logits: bool = False
    keep_logits: bool = False
    sparse_true: bool = True  # of IOU
    sparse_pred: bool = True
    binary: bool = False  # for a loss or metric of yes or no
    both: bool = False
    in_units: bool = False

    def apply(self, y: Any, outputs: Any) -> tuple[Any, Any]:
        """Return targets as stored, (n, *shape), and outputs, (n, ..., outputs), in this form."""
        if self.logits and not self.keep_logits:
            activation = "softmax" if self.both else self.target.activation
            outputs = keras.activations.get(activation)(outputs)
        if self.binary and (self.both or self.target.outputs > 1):
            # Keras would find the logits of the softmax, and take them for those of a sigmoid.
            outputs = tf.identity(outputs)
        y, outputs = self._converted(y, outputs)
        if self.in_units:
            y, outputs = (units.unscaled(self.target, each) for each in (y, outputs))
        return (self._flat(y), self._flat(outputs)) if self.flat else (y, outputs)

    def _flat(self, array: Any) -> Any:
        """Return an array with one axis instead of those of examples, pixels and steps."""
        return ops.reshape(array, (-1, *array.shape[len(self.target.output_shape) :]))

    def _converted(self, y: Any, outputs: Any) -> tuple[Any, Any]:
        if self.name == AS_GIVEN:
            return y, outputs
        if self.name == SPARSE:
            return y, self._columns(outputs)
        if self.name == ONE_HOT:
            return self._one_hot(y), self._columns(outputs)
        if self.name == IOU:
            columns = self._columns(outputs)
            predicted = ops.argmax(columns, axis=-1) if self.sparse_pred else columns
            return (y if self.sparse_true else self._one_hot(y)), predicted
        if self.name == COLUMN:
            outputs = self._of_second(outputs)
            return ops.cast(ops.expand_dims(y, -1), outputs.dtype), outputs
        return ops.cast(ops.reshape(y, (-1, *self.target.output_shape)), outputs.dtype), outputs

    def _one_hot(self, y: Any) -> Any:
        return tf.one_hot(tf.cast(y, tf.int32), len(self.target.classes))

    def _of_second(self, outputs: Any) -> Any:
        """Return the second class's output; of two logits or scores, what a single one would be."""
        if not self.both:
            return outputs
        second, first = outputs[..., 1:], outputs[..., :1]
        compared = self.target.has_scores or (self.logits and self.keep_logits)
        return second - first if compared else second

    def _columns(self, outputs: Any) -> Any:
        """Return a column for each class; two classes have one output, the second's."""
        if self.both or self.target.outputs > 1:
            return outputs
        if self.logits and self.keep_logits:
            first = ops.zeros_like(outputs)
        else:
            first = 2 * self.target.threshold - outputs
        return ops.concatenate([first, outputs], axis=-1)


def adapted(form: Form) -> Callable[[type], type]:
    """Return a function from a loss or metric class to its subclass that takes the stored targets.

    The subclass has the same name and module, so that a saved model names Keras's own class.
    """

    def subclass(base: type) -> type:
        metric = issubclass(base, keras.metrics.Metric)
        methods = _metric(base, form) if metric else _loss(base, form)
        module = "keras.metrics" if metric else "keras.losses"
        if form.name == AS_GIVEN:
            module = base.__module__
        return type(base.__name__, (base,), {"__module__": module, **methods})

    return subclass


def _metric(base: Any, form: Form) -> dict[str, Any]:
    def update_state(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        mask = getattr(y_pred, "_keras_mask", None)  # of padded steps
        if mask is not None and form.flat and sample_weight is None:
            sample_weight = ops.cast(ops.reshape(mask, (-1,)), "float32")
        return base.update_state(self, *form.apply(y_true, y_pred), sample_weight)

    return {"update_state": update_state}


def _loss(base: Any, form: Form) -> dict[str, Any]:
    def call(self: Any, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        y, outputs = form.apply(y_true, y_pred)
        if sample_weight is not None and form.target.is_dense:
            sample_weight = _for_each_value(sample_weight, form.target)
        return base.__call__(self, y, outputs, sample_weight)

    return {"__call__": functools.wraps(base.__call__)(call)}


def _for_each_value(sample_weight: Any, target: Target) -> Any:
    """Return weights, (n,), with the axes of a loss for each pixel or step; others as they are."""
    if len(sample_weight.shape) > 1:
        return sample_weight
    inner = len(target.output_shape) - 1
    return ops.reshape(sample_weight, (-1, *(1 for _ in range(inner))))
