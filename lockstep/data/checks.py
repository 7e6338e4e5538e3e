"""What is wrong with raw arrays, with the split and the example: each raises DataError."""

import numpy as np

from lockstep.data.spec import Examples, Target, X, Y, by_name
from lockstep.errors import DataError

RANK_OF_TABLE, RANK_OF_COLOUR = 2, 4


def check(split: str, examples: Examples, train: Examples, targets: dict[str, Target]) -> None:
    """Check one split, whose inputs must be of the shapes and kinds of the training split's."""
    shapes = {name: array.shape[1:] for name, array in by_name(train.x, X).items()}
    inputs = by_name(examples.x, X)
    if inputs.keys() != shapes.keys():
        raise DataError(f"{split} split: inputs {', '.join(inputs)}, expected {', '.join(shapes)}")
    for name, x in inputs.items():
        where = f"{split} split" if name == X else f"{split} split, {name}"
        _check_input(where, x, shapes[name])
        _check_count(where, "inputs", len(x), examples.size)
    for name, y in by_name(examples.y, Y).items():
        where = f"{split} split" if name == Y else f"{split} split, {name}"
        _check_target(where, y, examples.size, targets[name])
    if examples.weights is not None:
        _check_weights(f"{split} split", examples.weights, examples.size)


def _check_input(where: str, x: np.ndarray, shape: tuple[int, ...]) -> None:
    if len(x) == 0:
        raise DataError(f"{where}: empty, expected at least one example")
    if x.dtype.names:
        for column in x.dtype.names:
            _check_finite(where, f"column {column!r}", x[column])
    elif x.dtype.kind not in "OU" or x.ndim != 1:  # texts
        _check_numbers(where, x, shape)


def _check_numbers(where: str, x: np.ndarray, shape: tuple[int, ...]) -> None:
    if not RANK_OF_TABLE <= x.ndim <= RANK_OF_COLOUR or x.dtype.kind not in "fiub":
        raise DataError(
            f"{where}: {x.dtype} of shape {x.shape}, expected numbers: images or rows; or texts"
        )
    if x.shape[1:] != shape:
        raise DataError(f"{where}: examples of shape {x.shape[1:]}, expected {shape} as in train")
    _check_finite(where, "input", x)


def _check_count(where: str, what: str, found: int, expected: int) -> None:
    if found != expected:
        raise DataError(f"{where}: {found} {what}, expected {expected} as of the others")


def _check_target(where: str, y: np.ndarray, count: int, target: Target) -> None:
    if y.shape != (count,):
        raise DataError(f"{where}: targets of shape {y.shape}, expected ({count},) as its inputs")
    _check_finite(where, "target", y)
    if target.task == "classification":
        _check_labels(where, y, len(target.classes))
    elif y.dtype.kind not in "fiub":
        raise DataError(f"{where}: targets are {y.dtype}, expected numbers")


def _check_weights(where: str, weights: np.ndarray, count: int) -> None:
    if weights.shape != (count,):
        raise DataError(
            f"{where}: weights of shape {weights.shape}, expected ({count},) as its inputs"
        )
    _check_finite(where, "weight", weights)
    if (weights < 0).any():
        row = int(np.argmax(weights < 0))
        raise DataError(f"{where}: weight of example {row} is {weights[row]}, expected at least 0")


def _check_finite(where: str, part: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise DataError(
            f"{where}: {part} of example {place[0]} is {array[place]} at {list(place[1:])}, "
            "expected a finite number"
        )


def _check_labels(where: str, y: np.ndarray, classes: int) -> None:
    wrong = (y < 0) | (y >= classes) if y.dtype.kind in "iu" else np.ones(len(y), bool)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{where}: label of example {row} is {y[row]}, expected a whole number "
            f"from 0 to {classes - 1}"
        )
