"""What data/ready holds: spec.json and the arrays it describes."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from errors import DataError
from tasks import _files


class Examples(NamedTuple):
    """Inputs and targets of one split: x of shape (n, ...), y of shape (n,).

    `weights`, (n,), say how much each counts in the loss; None: all the same.
    """

    x: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The arrays there are."""
        return tuple(array for array in self if array is not None)

    def at(self, indices: np.ndarray) -> "Examples":
        """Return the examples of these indices."""
        return Examples(*(array[indices] for array in self.arrays))


@dataclasses.dataclass(frozen=True)
class Spec:
    """Facts about a normalized data set, which every later stage follows."""

    data: str
    task: str  # classification or regression
    kind: str  # image or table
    shape: list[int]  # of one stored example: height, width(, channels), or columns
    dtype: str  # of a stored example
    classes: list[str]  # in label order; empty for regression
    splits: dict[str, int]  # examples in each
    method: str  # how raw values become what a model sees
    statistics: dict[str, Any]  # of the training split alone

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape a model sees: an image always has a channel axis."""
        grey = self.kind == "image" and len(self.shape) == 2
        return (*self.shape, 1) if grey else tuple(self.shape)

    @property
    def outputs(self) -> int:
        """How many numbers a model gives for an example."""
        return len(self.classes) or 1

    @property
    def activation(self) -> str:
        """The last layer's: class probabilities, or any number."""
        return "softmax" if self.task == "classification" else "linear"


def write(spec: Spec, folder: Path) -> None:
    """Write spec.json."""
    _files.write_json(folder / "spec.json", dataclasses.asdict(spec))


def read(root: Path) -> Spec:
    """Read data/ready/spec.json; raises DataError if it isn't there."""
    path = root / "data" / "ready" / "spec.json"
    if not path.exists():
        raise DataError(f"{path}: no such file, run the stage normalize first")
    return Spec(**_files.read_json(path))


def examples(root: Path, split: str) -> Examples:
    """Return a split's arrays, mapped into memory rather than read."""
    paths = (root / "data" / "ready" / f"{split}_{part}.npy" for part in Examples._fields)
    return Examples(*(np.load(path, mmap_mode="r") for path in paths if path.exists()))


def save(examples: Examples, split: str, folder: Path) -> None:
    """Write a split's arrays."""
    for part, array in zip(examples._fields, examples, strict=True):
        if array is not None:
            np.save(folder / f"{split}_{part}.npy", array)
