"""Checks of raw arrays: each raises DataError that names the split and the example."""

import numpy as np

from lockstep.data.blocks import blocks
from lockstep.data.columns.rows import Rows
from lockstep.data.readers.stored_texts import Texts
from lockstep.data.spec import Examples, Target, X, Y, as_dict
from lockstep.data.spec.example_error import ExampleError
from lockstep.errors import DataError

RANK_OF_TABLE, RANK_OF_COLOUR = 2, 4


def check(split: str, examples: Examples, train: Examples, targets: dict[str, Target]) -> None:
    """Check a split's arrays; its inputs must have the names and shapes of the training split's."""
    shapes = {name: array.shape[1:] for name, array in as_dict(train.x, X).items()}
    inputs = as_dict(examples.x, X)
    if inputs.keys() != shapes.keys():
        raise DataError(f"{split} split: inputs {', '.join(inputs)}, expected {', '.join(shapes)}")
    for name, x in inputs.items():
        where = f"{split} split" if name == X else f"{split} split, {name}"
        _check_input(where, x, shapes[name])
        _check_count(where, "inputs", len(x), examples.size)
    for name, y in as_dict(examples.y, Y).items():
        where = f"{split} split" if name == Y else f"{split} split, {name}"
        _check_target(where, y, examples.size, targets[name])
    if examples.sample_weight is not None:
        _check_sample_weight(f"{split} split", examples.sample_weight, examples.size)


def _check_input(where: str, x: np.ndarray | Rows | Texts, shape: tuple[int, ...]) -> None:
    if len(x) == 0:
        raise DataError(f"{where}: empty, expected at least one example")
    if isinstance(x, Rows | Texts):
        return  # a table's cells are checked where they are converted
    if x.dtype.kind not in "OU" or x.ndim != 1:  # texts
        _check_numbers(where, x, shape)


def _check_numbers(where: str, x: np.ndarray, shape: tuple[int, ...]) -> None:
    if not RANK_OF_TABLE <= x.ndim <= RANK_OF_COLOUR or x.dtype.kind not in "fiub":
        raise DataError(
            f"{where}: {x.dtype} of shape {x.shape}, expected numbers (images or rows) or texts"
        )
    if x.shape[1:] != shape:
        raise DataError(f"{where}: examples of shape {x.shape[1:]}, expected {shape} as in train")
    _check_finite(where, "input", x)


def _check_count(where: str, what: str, found: int, expected: int) -> None:
    if found != expected:
        raise DataError(f"{where}: {found} {what}, expected {expected} as in the first input")


def _check_target(where: str, y: np.ndarray, count: int, target: Target) -> None:
    if y.shape[:1] != (count,):
        raise DataError(f"{where}: targets of shape {y.shape}, expected ({count}, ...)")
    target.described.check(where, y, target)
    if list(y.shape[1:]) != target.shape:
        raise DataError(
            f"{where}: a target of shape {y.shape[1:]}, expected {tuple(target.shape)} as in train"
        )


def _check_sample_weight(where: str, weights: np.ndarray, count: int) -> None:
    if weights.shape != (count,):
        raise DataError(
            f"{where}: sample weights of shape {weights.shape}, expected ({count},) like the inputs"
        )
    _check_finite(where, "sample weight", weights)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        problem = f"is {weights[row]}, expected at least 0"
        raise ExampleError(where, row, "sample weight", problem)


def _check_finite(where: str, part: str, array: np.ndarray) -> None:
    if array.dtype.kind != "f":
        return
    for block in blocks(array):
        finite = np.isfinite(array[block])
        if not finite.all():
            number, *inside = (int(each) for each in np.argwhere(~finite)[0])
            found = array[block][(number, *inside)]
            problem = f"is {found} at {inside}, expected a finite number"
            raise ExampleError(where, block.start + number, part, problem)
