"""What data/ready holds: spec.json and the arrays it describes."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from errors import DataError
from tasks import _files


class Examples(NamedTuple):
    """Inputs and targets of one split: x of shape (n, ...), y of shape (n,)."""

    x: np.ndarray
    y: np.ndarray


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
    folder = root / "data" / "ready"
    return Examples(*(np.load(folder / f"{split}_{part}.npy", mmap_mode="r") for part in "xy"))
