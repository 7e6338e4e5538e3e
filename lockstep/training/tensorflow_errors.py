"""TensorFlow's errors during training, turned into one line with what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import tensorflow as tf

from lockstep.errors import MachineError, ParamsError, UnavailableError
from lockstep.process.machine_errors import machine_problem
from lockstep.runtime.gpu_memory import gib


class MemoryUse(NamedTuple):
    """What decides how much memory a training needs on each device."""

    batch_size: int
    data_placement: str  # device or disk
    data_bytes: int
    model_bytes: int  # of weights, gradients and optimizer


@contextmanager
def explain_lost_worker(workers: int) -> Iterator[None]:
    """Raise UnavailableError for any error of an operation, if there are several workers."""
    try:
        yield
    except tf.errors.OpError as error:
        if workers == 1:
            raise
        reason = str(error.message).strip().rpartition("\n")[2].strip()[:200]
        raise UnavailableError(
            f"one of {workers} workers was lost ({type(error).__name__}: {reason}); restart all of "
            "them to resume from the last snapshot"
        ) from None


@contextmanager
def explain_out_of_memory(use: MemoryUse) -> Iterator[None]:
    """Raise MachineError if a device has no memory left."""
    try:
        yield
    except tf.errors.ResourceExhaustedError as error:
        if machine_problem(str(error)):  # a full disk has the same class
            raise
        data = f"data {gib(use.data_bytes)}"
        ways = "a smaller train.batch_size, or train.data_placement disk"
        if use.data_placement == "disk":
            data, ways = "data only one graph call's", "a smaller train.batch_size"
        raise MachineError(
            f"train.batch_size: got {use.batch_size}, but {_missing(error)}: {data}; weights, "
            f"gradients and optimizer {gib(use.model_bytes)}; the rest is for activations; "
            f"expected {ways}"
        ) from None


@contextmanager
def explain_nondeterminism() -> Iterator[None]:
    """Raise ParamsError for an operation that TensorFlow can't run deterministically."""
    try:
        yield
    except tf.errors.UnimplementedError as error:
        found = re.search(r"[^\n.)]*\bdeterminis[^\n.]*", str(error.message), re.IGNORECASE)
        if not found:
            raise
        raise ParamsError(
            f"train.deterministic: got true, but TensorFlow says: {found[0].strip()}; expected "
            "another layer, loss or metric, or train.deterministic false"
        ) from None


def _missing(error: tf.errors.OpError) -> str:
    pattern = r"tensor with shape(\[[\d,]*\]) and type (\w+) on \S*?((?:GPU|CPU):\d+)"
    found = re.search(pattern, str(error.message))
    if not found:
        return "there isn't enough memory"
    return f"{found[3]} has no memory left for a {found[2]} tensor of shape {found[1]}"
