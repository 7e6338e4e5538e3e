"""Class labels: their names, and their numbers in the order of the names' values."""

import numpy as np

from lockstep.data.spec.example_error import ExampleError
from lockstep.data.tables import is_text
from lockstep.messages import nearest

# Up to so many distinct whole numbers are classes; more are a regression target.
MAX_CLASSES = 20


def looks_like_classes(y: np.ndarray) -> bool:
    """Return whether values are texts, or few whole numbers."""
    if is_text(y):
        return True
    if y.dtype.kind not in "fiub":
        return False
    return bool((y == np.trunc(y)).all()) and len(np.unique(y)) <= MAX_CLASSES


def is_one_hot(y: np.ndarray) -> bool:
    """Return whether each row, (n, classes), is zeros and a single one."""
    if y.ndim != 2 or y.shape[1] < 2 or y.dtype.kind not in "fiub":
        return False
    return bool(np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def class_names(values: np.ndarray) -> list[str]:
    """Return the name of each class: a text as it is, a whole number with all its digits."""
    if is_text(values):
        return [str(each) for each in values]
    return [str(int(each)) if each == np.trunc(each) else str(each) for each in values]


def class_numbers(split: str, y: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the number of each label, with the shape of `y`; `values` are sorted and distinct.

    Raises DataError for a label that isn't among them.
    """
    y = y.astype(values.dtype) if is_text(values) and y.dtype != values.dtype else y
    numbers = np.minimum(np.searchsorted(values, y), len(values) - 1)
    wrong = values[numbers] != y
    if wrong.any():
        index = tuple(int(each) for each in np.argwhere(wrong)[0])
        (name,) = class_names(np.asarray([y[index]]))
        known = nearest(name, class_names(values))
        problem = f"is {name!r}, expected {known}"
        raise ExampleError(f"{split} split", index[0], "label", problem)
    return numbers
