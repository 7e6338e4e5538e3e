"""Checks that several kinds of targets share; each raises DataError."""

import numpy as np

from lockstep.data.spec.example_error import ExampleError
from lockstep.errors import DataError


def check_rank(where: str, y: np.ndarray, ranks: tuple[int, ...], expected: str) -> None:
    """Check the number of axes of one example."""
    if y.ndim - 1 not in ranks:
        raise DataError(f"{where}: targets of shape {y.shape}, expected {expected}")


def check_numbers(where: str, y: np.ndarray) -> None:
    """Check for finite numbers."""
    if y.dtype.kind not in "fiub":
        raise DataError(f"{where}: targets are {y.dtype}, expected numbers")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        index = tuple(int(each) for each in np.argwhere(~np.isfinite(y))[0])
        problem = f"is {y[index]} at {list(index[1:])}, expected a finite number"
        raise ExampleError(where, index[0], "target", problem)


def check_class_numbers(where: str, y: np.ndarray, classes: int) -> None:
    """Check for whole numbers from 0 to `classes` - 1."""
    check_numbers(where, y)
    wrong = (y < 0) | (y >= classes) if y.dtype.kind in "iub" else np.ones(y.shape, bool)
    if wrong.any():
        index = tuple(int(each) for each in np.argwhere(wrong)[0])
        at = f" at {list(index[1:])}" if index[1:] else ""
        problem = f"is {y[index]}{at}, expected a whole number from 0 to {classes - 1}"
        raise ExampleError(where, index[0], "label", problem)
