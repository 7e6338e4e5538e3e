"""Refuse a training whose state isn't in its snapshots, because it wouldn't resume exactly."""

import functools
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import tensorflow as tf

from lockstep.errors import ParamsError
from lockstep.runtime.graphs import every_operation
from lockstep.runtime.random_numbers import REPLICA_THREAD
from lockstep.training.operation_places import place_of

# Operations with a state of their own that TensorFlow doesn't let anyone read, besides those whose
# name says that they are random.
RANDOM = {
    "Multinomial", "ParameterizedTruncatedNormal", "SampleDistortedBoundingBox",
    "SampleDistortedBoundingBoxV2", "TruncatedNormal",
}  # fmt: skip
PYTHON = {"PyFunc", "EagerPyFunc", "PyFuncStateless"}
TABLES = {
    "LookupTableImport", "LookupTableImportV2", "LookupTableInsert", "LookupTableInsertV2",
    "LookupTableRemoveV2",
}  # fmt: skip
LIBRARIES = {"random": "Python", "numpy.random": "NumPy"}
NO_DRAWS = {"seed", "getstate", "setstate", "get_state", "set_state"}
RANDOM_FIX = "keras.random with a keras.random.SeedGenerator, or tf.random.stateless_*"


def check(graph: tf.Graph, known: Sequence[tf.Variable], layers: set[str]) -> None:
    """Raise ParamsError for state of a traced training that is in none of the `known` variables.

    It names the layer, the operation, and what to use instead.
    """
    for operation in every_operation(graph):
        problem = _problem(operation)
        if problem:
            raise ParamsError(f"{place_of(operation, layers)}: {problem}")
    handles = {id(each.handle) for each in known}
    for variable in graph.variables:
        if id(variable.handle) not in handles:
            name = variable.name.rpartition("/")[2].partition(":")[0]
            raise ParamsError(
                f"the variable {name} isn't one of the model, so no weights file and no "
                "snapshot has its value; expected a weight made by a layer's add_weight, or a "
                "keras.Variable that is an attribute of the model or a layer"
            )


def _problem(operation: tf.Operation) -> str:
    """What is wrong with an operation, or an empty text."""
    kind = operation.type
    if kind in RANDOM or (kind.startswith("Random") and operation.op_def.is_stateful):
        return (
            f"{kind} draws random numbers whose state no snapshot has, so that a resumed training "
            f"would end with other weights; use {RANDOM_FIX}"
        )
    if kind in PYTHON:
        return (
            f"{kind} calls Python in each step, whose state no snapshot has; use TensorFlow's or "
            "Keras's operations, or compute it in the data set's file"
        )
    if kind in TABLES:
        return f"{kind} changes a table, which no snapshot has; use a weight of the layer"
    return ""


@contextmanager
def no_random_numbers_of_python() -> Iterator[None]:
    """Refuse a step that draws NumPy's or Python's random numbers while it is traced in the block.

    Each step of a graph call would use the same numbers, and a resumed training others. Other
    threads may draw them meanwhile, such as those of Prefect and MLflow.
    """
    drawn: set[str] = set()
    originals = [
        (module, name, getattr(module, name))
        for module in (random, np.random)
        for name in _functions_of(module)
    ]
    for module, name, function in originals:
        setattr(module, name, _noted(function, LIBRARIES[module.__name__], drawn))
    try:
        yield
    finally:
        for module, name, function in originals:
            setattr(module, name, function)
    for library in sorted(drawn):
        raise ParamsError(
            f"the model or train.augmentation draws {library}'s random numbers while the step is "
            f"traced, so that they are the same in each step; use {RANDOM_FIX}"
        )


def _functions_of(module: ModuleType) -> list[str]:
    """The functions of a module that draw from its hidden generator."""
    owner = getattr(module.random, "__self__", None)
    names = (name for name in dir(module) if name not in NO_DRAWS and not name.startswith("_"))
    return [name for name in names if getattr(getattr(module, name), "__self__", None) is owner]


def _noted(function: Any, library: str, drawn: set[str]) -> Any:
    """The function, which notes that the thread of the block, or of a replica, called it."""
    tracing = threading.current_thread()

    @functools.wraps(function)
    def noting(*args: Any, **kwargs: Any) -> Any:
        thread = threading.current_thread()
        if thread is tracing or type(thread).__name__ == REPLICA_THREAD:
            drawn.add(library)
        return function(*args, **kwargs)

    return noting
