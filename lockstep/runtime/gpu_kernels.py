"""Where a GPU would run each operation of a loop, read from TensorFlow's kernel registry.

The Linux wheel registers its GPU kernels on machines without a GPU too. TensorFlow's placer puts an
operation without one on the CPU, and its inputs and outputs are then copied in each step.
"""

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.python.framework import kernels as registry
from tensorflow.python.framework import op_def_registry

from lockstep.runtime.graphs import graph_of

HOST, DEVICE = "host memory", "device memory"
LOOPS = {"While", "StatelessWhile"}
CALLS = {"PartitionedCall", "StatefulPartitionedCall"}
BRANCHES = {
    "If": ("then_branch", "else_branch"),
    "StatelessIf": ("then_branch", "else_branch"),
    "Case": ("branches",),
    "StatelessCase": ("branches",),
}
# Functions' inputs, and what has no kernel of its own.
STRUCTURE = {"Placeholder", *LOOPS, *CALLS, *BRANCHES}
HANDLES = {tf.resource, tf.variant}  # never copied
SHAPES = {"Shape", "ShapeN", "Size", "Rank"}
ALIASES = {"Identity"}  # TensorFlow removes these


class Copy(NamedTuple):
    """A value that crosses between host and device memory in each step."""

    source: tf.Tensor
    reader: tf.Operation  # which operation reads it
    to: str  # HOST or DEVICE


class Placement(NamedTuple):
    """What the bodies of a graph's loops would do on a GPU."""

    operations: list[tf.Operation]
    without_kernel: list[tf.Operation]
    copies: list[Copy]


def placement(graph: tf.Graph, *, whole: bool = False) -> Placement:
    """Return what the bodies of the graph's loops would do on a GPU, or the `whole` graph."""
    placer = _Placer()
    placer.place(graph, [_home(each.dtype) for each in graph.inputs], looping=whole)
    return Placement(placer.operations, placer.without_kernel, placer.copies)


def has_gpu_kernel(operation: tf.Operation) -> bool:
    """Return whether TensorFlow has a GPU kernel for the operation's types."""
    return operation.type in STRUCTURE or _kernel(operation) is not None


class _Placer:
    """Follows each value of a graph, into its loops and functions, to the memory it lies in."""

    def __init__(self) -> None:
        self.operations: list[tf.Operation] = []
        self.without_kernel: list[tf.Operation] = []
        self.copies: list[Copy] = []
        self.constants: set[tf.Operation] = set()

    def place(self, graph: tf.Graph, inputs: Sequence[str], *, looping: bool) -> list[str]:
        """Place a graph with its inputs in these memories; return the memories of its outputs."""
        memory = dict(zip((each.ref() for each in graph.inputs), inputs, strict=True))
        for operation in _live_operations(graph):
            self._record(operation, looping)
            for tensor, found in zip(
                operation.outputs, self._place(operation, memory, looping), strict=True
            ):
                memory.setdefault(tensor.ref(), found)
        return [memory[each.ref()] for each in graph.outputs]

    def _record(self, operation: tf.Operation, looping: bool) -> None:
        if _is_constant(operation, self.constants):
            self.constants.add(operation)
        elif looping:
            self.operations.append(operation)
            if not has_gpu_kernel(operation):
                self.without_kernel.append(operation)

    def _place(
        self, operation: tf.Operation, memory: dict[Any, str], looping: bool
    ) -> Sequence[str]:
        """Return the memories of an operation's outputs, and note the copies that it needs."""
        given = [memory[each.ref()] for each in operation.inputs]
        homes = [_home(each.dtype) for each in operation.outputs]
        if operation.type == "Placeholder" or operation in self.constants:
            return homes
        if operation.type in CALLS:
            return self.place(_function(operation, "f"), given, looping=looping)
        if operation.type in LOOPS:
            loop = [_home(each.dtype) for each in operation.inputs]
            self.place(_function(operation, "cond"), loop, looping=True)
            self.place(_function(operation, "body"), loop, looping=True)
            return homes
        if operation.type in BRANCHES:
            for branch in _branches(operation):
                self.place(branch, given[1:], looping=looping)
            return homes
        if operation.type in ALIASES:
            return given
        wanted, made = _memories(operation)
        if looping:
            self._note_copies(operation, given, wanted)
        return made

    def _note_copies(
        self, operation: tf.Operation, given: Sequence[str], wanted: Sequence[str]
    ) -> None:
        for tensor, here, there in zip(operation.inputs, given, wanted, strict=True):
            if here != there and tensor.dtype not in HANDLES:
                self.copies.append(Copy(tensor, operation, there))


def _live_operations(graph: tf.Graph) -> list[tf.Operation]:
    """The operations that a graph's results depend on, each after those that it reads from.

    TensorFlow prunes the others.
    """
    waiting = [each.op for each in (*graph.outputs, *graph.inputs)]
    waiting += getattr(graph, "control_outputs", [])
    found: dict[tf.Operation, None] = {}
    while waiting:
        operation = waiting[-1]
        before = [*(each.op for each in operation.inputs), *operation.control_inputs]
        missing = [each for each in before if each not in found]
        waiting += missing
        if not missing:
            found[waiting.pop()] = None
    return list(found)


def _is_constant(operation: tf.Operation, constants: set[tf.Operation]) -> bool:
    """Whether TensorFlow computes an operation once, before the graph runs."""
    if operation.type == "Const":
        return True
    if operation.type in SHAPES:
        return all(each.shape.is_fully_defined() for each in operation.inputs)
    stateless = not op_def_registry.get(operation.type).is_stateful
    inputs = {each.op for each in operation.inputs}
    return bool(inputs) and stateless and inputs <= constants


def _home(dtype: tf.DType) -> str:
    """The memory of constants and of functions' arguments: int32 and strings lie on the host."""
    return HOST if dtype in (tf.int32, tf.string) else DEVICE


def _memories(operation: tf.Operation) -> tuple[list[str], list[str]]:
    """The memories in which an operation's kernel wants its inputs and puts its outputs."""
    kernel = _kernel(operation)
    if kernel is None:
        return [HOST] * len(operation.inputs), [HOST] * len(operation.outputs)
    definition, on_host = op_def_registry.get(operation.type), set(kernel.host_memory_arg)

    def memories(arguments: Sequence[Any]) -> list[str]:
        return [
            HOST if each.name in on_host else DEVICE
            for each in arguments
            for _ in range(_tensors(operation, each))
        ]

    return memories(definition.input_arg), memories(definition.output_arg)


def _tensors(operation: tf.Operation, argument: Any) -> int:
    """How many tensors an operation has for one argument of its definition."""
    if argument.number_attr:
        return int(operation.get_attr(argument.number_attr))
    if argument.type_list_attr:
        return len(operation.get_attr(argument.type_list_attr))
    return 1


def _kernel(operation: tf.Operation) -> Any | None:
    """The GPU kernel for an operation's types, or None."""
    fitting = [each for each in _kernels(operation.type) if _fits(each, operation)]
    return max(fitting, key=lambda each: each.priority, default=None)


@functools.cache
def _kernels(kind: str) -> list[Any]:
    found = registry.get_registered_kernels_for_op(kind).kernel
    return [each for each in found if each.device_type in ("GPU", "DEFAULT")]


def _fits(kernel: Any, operation: tf.Operation) -> bool:
    return all(
        set(_types(operation, each.name)) <= {tf.as_dtype(t) for t in each.allowed_values.list.type}
        for each in kernel.constraint
    )


def _types(operation: tf.Operation, name: str) -> list[tf.DType]:
    value = operation.get_attr(name)
    return value if isinstance(value, list) else [value]


def _branches(operation: tf.Operation) -> Iterator[tf.Graph]:
    for name in BRANCHES[operation.type]:
        value = operation.get_attr(name)
        for each in value if isinstance(value, list) else [value]:
            yield graph_of(operation.graph, each.name)


def _function(operation: tf.Operation, name: str) -> tf.Graph:
    return graph_of(operation.graph, operation.get_attr(name).name)
