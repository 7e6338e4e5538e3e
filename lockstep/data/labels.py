"""Class labels: their names, and their numbers in the order of the names' values."""

import numpy as np

from lockstep.data.blocks import blocks
from lockstep.data.spec.example_error import ExampleError
from lockstep.messages import nearest


def is_text(values: np.ndarray) -> bool:
    """Return whether values are texts."""
    return values.dtype.kind in "OU"


def is_one_hot(y: np.ndarray) -> bool:
    """Return whether each row, (n, classes), is zeros and a single one."""
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "fiub":
        return False
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def numbers_of_one_hot(split: str, y: np.ndarray) -> np.ndarray:
    """Return the column of the one in each row, (n,); raises DataError for another row."""
    wrong = ~(np.isin(y, (0, 1)).all(axis=1) & (y.sum(axis=1) == 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        problem = f"is {y[row].tolist()}, expected zeros and a single one as in train"
        raise ExampleError(f"{split} split", row, "label", problem)
    return y.argmax(axis=1)


def class_names(values: np.ndarray) -> list[str]:
    """Return the name of each class: the value's own text, a whole number with all its digits."""
    if is_text(values) or values.dtype.kind == "b":
        return [str(each) for each in values]
    return [str(int(each)) if each == np.trunc(each) else str(each) for each in values]


def class_numbers(split: str, y: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the number of each label, with the shape of `y`; `values` are sorted and distinct.

    Raises DataError for a label that isn't among them.
    """
    if is_text(values):
        values = values.astype(str)
    numbers = np.empty(y.shape, np.min_scalar_type(len(values)))
    for block in blocks(y):
        labels = y[block].astype(str) if is_text(values) else y[block]
        found = np.minimum(np.searchsorted(values, labels), len(values) - 1)
        wrong = values[found] != labels
        if wrong.any():
            first, *inside = (int(each) for each in np.argwhere(wrong)[0])
            (name,) = class_names(np.asarray([labels[(first, *inside)]]))
            problem = f"is {name!r}, expected {nearest(name, class_names(values))}"
            raise ExampleError(f"{split} split", block.start + first, "label", problem)
        numbers[block] = found
    return numbers


def distinct(y: np.ndarray, most: float = np.inf) -> np.ndarray:
    """Return the distinct values, sorted; not all of them if there are more than `most`."""
    values = np.unique(y[:0])
    for block in blocks(y):
        values = np.union1d(values, y[block])
        if len(values) > most:
            break
    return values
