"""What a model's outputs are: their shapes, and if they are probabilities, logits or scores."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from lockstep.data.spec import Spec, Target, as_dict, unwrap_single
from lockstep.data.spec.targets import LOGITS, MARGINS, PROBABILITIES, SCORES
from lockstep.errors import ParamsError
from lockstep.modeling import units

# They change neither the order nor the sign of the outputs.
PASSED_THROUGH = {
    "Cast", "ExpandDims", "Identity", "IdentityN", "Reshape", "Squeeze", "StopGradient",
    "Transpose",
}  # fmt: skip
LINEAR = {
    "Add", "AddV2", "BatchMatMulV2", "BiasAdd", "Conv2D", "Conv3D", "Einsum", "MatMul",
}  # fmt: skip
ACTIVATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid"} | dict.fromkeys(LINEAR, "linear")
PROBE, PROBE_SCALE, TOLERANCE = 8, 5.0, 1e-3


class Given(NamedTuple):
    """What a model's outputs for a target are.

    `logits` says that they lack the target's activation; None: neither that nor between 0 and 1, as
    far as is known. `both` says that of two classes each has an output, not only the second.
    `scores` says that they are neither, as the margins of a hinge loss.
    """

    logits: bool | None = False
    both: bool = False
    scores: bool = False


def given_by(model: keras.Model, spec: Spec) -> dict[str, Given]:
    """Return what the outputs for each target are; raises ParamsError for a wrong shape."""
    if not spec.targets:
        return {}
    graph = _traced(model, spec)
    outputs = as_dict(graph.structured_outputs, next(iter(spec.targets)))
    return {name: _given(model, spec, name, outputs) for name in spec.targets}


def described(spec: Spec, found: Mapping[str, Given]) -> Spec:
    """Return the description with what the outputs for each target are found to be."""
    targets = {
        name: replace(each, outputs_are=SCORES if found[name].scores else PROBABILITIES)
        for name, each in spec.targets.items()
    }
    return replace(spec, targets=targets)


def _given(model: keras.Model, spec: Spec, name: str, outputs: Mapping[str, Any]) -> Given:
    target = spec.targets[name]
    both = _check_shape(name, target, outputs)
    if target.activation == "linear" and not target.is_between_0_and_1:
        return Given()
    said = "" if target.outputs_are == MARGINS else target.outputs_are
    are = said or _read(model, spec, name, outputs[name], both)
    logits = {PROBABILITIES: False, LOGITS: True, SCORES: False}.get(are)
    return Given(logits, both, scores=are == SCORES)


def _read(model: keras.Model, spec: Spec, name: str, output: tf.Tensor, both: bool) -> str:
    """Return what the last layer, and outputs for a few inputs, say; empty if they don't tell."""
    activation, margins = _activation(output), spec.targets[name].outputs_are == MARGINS
    if activation in ("softmax", "sigmoid"):
        return PROBABILITIES
    if margins:
        return SCORES
    if activation == "linear":
        return LOGITS
    return PROBABILITIES if _are_probabilities(model, spec, name, both) else ""


def probabilities(
    found: Mapping[str, Given], targets: Mapping[str, Target]
) -> Callable[[Any], Any]:
    """Return a function that maps logits to probabilities, and numbers to their units.

    Of two classes it gives the second one's alone, of scores how much higher that one's is.
    """
    changed = {
        name: given
        for name, given in found.items()
        if units.is_scaled(targets[name])
        or ((given.logits or given.both) and targets[name].values != "numbers")
    }

    def apply(outputs: Any) -> Any:
        if not changed:
            return outputs
        if isinstance(outputs, Mapping):
            return {name: one(name, each) for name, each in outputs.items()}
        return one(next(iter(changed)), outputs)

    def one(name: str, output: Any) -> Any:
        if name not in changed:
            return output
        if units.is_scaled(targets[name]):
            return units.unscaled_outputs(targets[name], output)
        if changed[name].logits:
            activation = "softmax" if changed[name].both else targets[name].activation
            output = keras.layers.Activation(activation, dtype="float32")(output)
        if changed[name].both:
            first = output[..., :1] if changed[name].scores else 0.0
            return output[..., 1:] - first
        return output

    return apply


def _traced(model: keras.Model, spec: Spec) -> Any:
    inputs = tf.nest.map_structure(
        lambda each: tf.TensorSpec((2, *each.shape[1:]), each.dtype), _inputs(spec)
    )
    return tf.function(lambda x: model(x, training=False)).get_concrete_function(inputs)


def _inputs(spec: Spec) -> Any:
    """Return the specs of what preprocessing gives the model."""
    return unwrap_single(
        {
            name: tf.TensorSpec(
                (None, *each.model_shape), tf.int32 if each.kind == "text" else tf.float32
            )
            for name, each in spec.inputs.items()
        }
    )


def _check_shape(name: str, target: Target, outputs: Mapping[str, Any]) -> bool:
    """Raise ParamsError for outputs of a wrong shape; return whether both of two classes have one.

    As in many programs, two classes may have two outputs, though `outputs` says one.
    """
    if name not in outputs:
        given = ", ".join(map(str, outputs))
        raise ParamsError(f"the model's outputs are {given}, expected one for the target {name}")
    shape = tuple(outputs[name].shape[1:])
    both = target.values == "classes" and shape == (*target.output_shape[:-1], 2)
    if shape != target.output_shape and not both:
        raise ParamsError(
            f"the model's output has the shape {shape}, the target kind {target.kind} needs "
            f"{target.output_shape}: use `outputs` and `activation`, which build gets, for its "
            "last layer, or choose another model"
        )
    return both and target.outputs == 1


def _activation(output: tf.Tensor) -> str | None:
    operation = output.op
    while operation.type in PASSED_THROUGH:
        operation = operation.inputs[0].op
    return ACTIVATIONS.get(operation.type)


def _are_probabilities(model: keras.Model, spec: Spec, name: str, both: bool) -> bool:
    """Return whether the outputs for a few random inputs are between 0 and 1."""
    random = np.random.default_rng(0)

    def batch(each: Any) -> Any:
        shape = (PROBE, *each.shape[1:])
        if each.dtype.is_integer:
            return tf.zeros(shape, each.dtype)
        return tf.constant(random.normal(0, PROBE_SCALE, shape).astype(np.float32))

    outputs = model(tf.nest.map_structure(batch, _inputs(spec)), training=False)
    values = np.asarray(as_dict(outputs, name)[name])
    if not ((values >= 0) & (values <= 1)).all():
        return False
    many = both or spec.targets[name].activation == "softmax"
    return not many or bool((abs(values.sum(axis=-1) - 1) < TOLERANCE).all())
