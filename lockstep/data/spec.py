"""What data/ready holds: spec.json and the arrays it describes."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from lockstep.errors import DataError
from lockstep.storage import atomic_files, layout

Part = TypeVar("Part")
Parts = np.ndarray | Mapping[str, np.ndarray]  # one array, or several by name
X, Y, WEIGHTS = "x", "y", "weights"  # the names of what has none of its own


class Examples(NamedTuple):
    """Inputs and targets of one split, each of shape (n, ...): one array, or several by name.

    `weights`, (n,), say how much each counts in the loss; None: all the same.
    """

    x: Parts
    y: Parts
    weights: np.ndarray | None = None

    @property
    def named(self) -> dict[str, np.ndarray]:
        """The arrays there are, by their names."""
        weights = {} if self.weights is None else {WEIGHTS: self.weights}
        return {**by_name(self.x, X), **by_name(self.y, Y), **weights}

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """The arrays there are."""
        return tuple(self.named.values())

    @property
    def size(self) -> int:
        """How many examples there are."""
        return len(self.arrays[0])

    def at(self, indices: np.ndarray) -> "Examples":
        """Return the examples of these indices."""
        return Examples(*self.packed([array[indices] for array in self.arrays]))

    def packed(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """Return values for `arrays` in the form of these examples: (x, y) or (x, y, weights)."""
        rest = iter(flat)
        x, y = (
            {name: next(rest) for name in part} if isinstance(part, Mapping) else next(rest)
            for part in (self.x, self.y)
        )
        return (x, y, *rest)


@dataclasses.dataclass(frozen=True)
class Input:
    """One input of a data set, as it is stored, and what turns it into a model's."""

    kind: str  # image, table or text
    shape: list[int]  # of one example: height, width(, channels); columns; or words
    dtype: str
    statistics: dict[str, Any]  # of the training split alone: numbers, or one for each column
    # A table's columns by name; with their categories, the first of which is any other, if text.
    columns: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    words: list[str] = dataclasses.field(default_factory=list)  # of a text, by their ids

    @property
    def model_shape(self) -> tuple[int, ...]:
        """The shape a model sees: an image has a channel axis, a category a column of its own."""
        if self.kind == "image" and len(self.shape) == 2:
            return (*self.shape, 1)
        if self.columns:
            return (sum(len(categories) or 1 for categories in self.columns.values()),)
        return tuple(self.shape)


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model is to tell of an example."""

    task: str  # classification or regression
    classes: list[str]  # in label order; empty for regression

    @property
    def outputs(self) -> int:
        """How many numbers tell it: of two classes the second's probability is enough."""
        return 1 if len(self.classes) <= 2 else len(self.classes)

    @property
    def activation(self) -> str:
        """The last layer's: probabilities, or any number."""
        if self.task == "regression":
            return "linear"
        return "sigmoid" if self.outputs == 1 else "softmax"


@dataclasses.dataclass(frozen=True)
class Spec:
    """Facts about a normalized data set, which every later stage follows."""

    data: str
    inputs: dict[str, Input]
    targets: dict[str, Target]
    splits: dict[str, int]  # examples in each
    method: str  # how raw numbers become what a model sees

    @property
    def input_shape(self) -> Any:
        """The shape of the model's input, or of each by name."""
        return alone({name: each.model_shape for name, each in self.inputs.items()})

    @property
    def outputs(self) -> Any:
        """How many numbers a model gives for an example, or for each target by name."""
        return alone({name: each.outputs for name, each in self.targets.items()})

    @property
    def activation(self) -> Any:
        """The last layer's, or that of each target by name."""
        return alone({name: each.activation for name, each in self.targets.items()})

    @property
    def target(self) -> Target | None:
        """The target, if there is one alone."""
        (first, *others) = self.targets.values()
        return None if others else first


def by_name(parts: Part | Mapping[str, Part], name: str) -> dict[str, Part]:
    """Return several as they are, and one under the name given."""
    return dict(parts) if isinstance(parts, Mapping) else {name: parts}


def alone(parts: Mapping[str, Part]) -> Part | dict[str, Part]:
    """Return the one there is, or all by name: the form that Keras takes."""
    return next(iter(parts.values())) if len(parts) == 1 else dict(parts)


def write_spec(spec: Spec, folder: Path) -> None:
    """Write spec.json."""
    atomic_files.write_json(folder / "spec.json", dataclasses.asdict(spec))


def read_spec(root: Path) -> Spec:
    """Read data/ready/spec.json; raises DataError if it isn't there."""
    return read_spec_file(root / layout.SPEC)


def read_spec_file(path: Path) -> Spec:
    """Read a spec.json; raises DataError if it isn't there."""
    if not path.exists():
        raise DataError(f"{path}: no such file, run the stage normalize first")
    values = atomic_files.read_json(path)
    inputs = {name: Input(**each) for name, each in values.pop("inputs").items()}
    targets = {name: Target(**each) for name, each in values.pop("targets").items()}
    return Spec(inputs=inputs, targets=targets, **values)


def load_examples(root: Path, split: str) -> Examples:
    """Return a split's arrays, mapped into memory rather than read."""
    spec = read_spec(root)

    def mapped(name: str) -> np.ndarray:
        array: np.ndarray = np.load(_path(root / layout.READY, split, name), mmap_mode="r")
        return array

    weighted = _path(root / layout.READY, split, WEIGHTS).exists()
    return Examples(
        alone({name: mapped(name) for name in spec.inputs}),
        alone({name: mapped(name) for name in spec.targets}),
        mapped(WEIGHTS) if weighted else None,
    )


def save_examples(examples: Examples, split: str, folder: Path) -> None:
    """Write a split's arrays."""
    for name, array in examples.named.items():
        np.save(_path(folder, split, name), array)


def _path(folder: Path, split: str, name: str) -> Path:
    return folder / f"{split}_{name}.npy"
