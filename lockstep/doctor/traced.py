"""Sizes that the static shapes of the traced loop tell: all-reduces, and activations."""

from collections.abc import Iterable
from typing import NamedTuple

import tensorflow as tf

BACKWARD = "gradient_tape/"  # tf.GradientTape puts the backward pass under this name
COLLECTIVES = {"CollectiveReduce", "CollectiveReduceV2", "NcclAllReduce"}
VARIABLES = {"ReadVariableOp", "Const", "Placeholder"}


class Traced(NamedTuple):
    """Sizes in one step, of one replica."""

    all_reduces: int
    all_reduce_bytes: int
    activation_bytes: int  # what the forward pass keeps for the backward pass


def read(graph: tf.Graph, replicas: int) -> Traced:
    """Return the sizes in the body of the loop of a traced graph of `Steps.train`."""
    operations = _body(graph).get_operations()
    reduced = [each for each in operations if each.type in COLLECTIVES]
    sizes = (_bytes(each.outputs[:1]) for each in reduced)
    # Each replica has its own operations in the same graph.
    kept = _bytes(_kept_for_backward(operations)) // replicas
    return Traced(len(reduced) // replicas, sum(sizes) // replicas, kept)


def _body(graph: tf.Graph) -> tf.Graph:
    (loop,) = (each for each in graph.get_operations() if each.type in ("While", "StatelessWhile"))
    # A FuncGraph has no public way to the functions that its operations call.
    return graph._functions[loop.get_attr("body").name].graph


def _kept_for_backward(operations: Iterable[tf.Operation]) -> list[tf.Tensor]:
    """The tensors that the forward pass computes and the backward pass reads."""
    read = (
        tensor
        for operation in operations
        if operation.name.startswith(BACKWARD)
        for tensor in operation.inputs
        if not tensor.op.name.startswith(BACKWARD) and tensor.op.type not in VARIABLES
    )
    return list({tensor.ref(): tensor for tensor in read}.values())


def _bytes(tensors: Iterable[tf.Tensor]) -> int:
    return sum(
        each.shape.num_elements() * each.dtype.size
        for each in tensors
        if each.shape.is_fully_defined()
    )
