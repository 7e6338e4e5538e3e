"""The content of data/ready: spec.json and the arrays it describes."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from lockstep.errors import DataError
from lockstep.storage import atomic_files, layout

Part = TypeVar("Part")
Parts = np.ndarray | Mapping[str, np.ndarray]  # one array, or several by name
X, Y, SAMPLE_WEIGHT = "x", "y", "sample_weight"  # names of arrays that have none


class Examples(NamedTuple):
    """Inputs and targets of one split, each of shape (n, ...): one array, or several by name.

    `sample_weight`, (n,), is each example's weight in the loss; None weighs all alike.
    """

    x: Parts
    y: Parts
    sample_weight: np.ndarray | None = None

    @property
    def named(self) -> dict[str, np.ndarray]:
        """All arrays by name."""
        sample_weight = {} if self.sample_weight is None else {SAMPLE_WEIGHT: self.sample_weight}
        return {**as_dict(self.x, X), **as_dict(self.y, Y), **sample_weight}

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All arrays, in the order of `named`."""
        return tuple(self.named.values())

    @property
    def size(self) -> int:
        """Number of examples."""
        return len(self.arrays[0])

    def at(self, indices: np.ndarray) -> "Examples":
        """Return the examples at these indices."""
        return Examples(*self.packed([array[indices] for array in self.arrays]))

    def packed(self, flat: Sequence[Any]) -> tuple[Any, ...]:
        """Return one value for each of `arrays` as (x, y) or (x, y, sample_weight)."""
        rest = iter(flat)
        x, y = (
            {name: next(rest) for name in part} if isinstance(part, Mapping) else next(rest)
            for part in (self.x, self.y)
        )
        return (x, y, *rest)


@dataclasses.dataclass(frozen=True)
class Input:
    """One input of a data set: how it is stored, and what preprocessing needs to know."""

    kind: str  # image, table or text
    shape: list[int]  # of one example: (height, width[, channels]), (columns,) or (words,)
    dtype: str
    statistics: dict[str, Any]  # of the training split: numbers, or lists by column
    # A table's columns by name, with the categories of text; the first is any unknown text.
    columns: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    words: list[str] = dataclasses.field(default_factory=list)  # a text's vocabulary, by id

    @property
    def model_shape(self) -> tuple[int, ...]:
        """The model's input shape: images get a channel axis, categories are one-hot columns."""
        if self.kind == "image" and len(self.shape) == 2:
            return (*self.shape, 1)
        if self.columns:
            return (sum(len(categories) or 1 for categories in self.columns.values()),)
        return tuple(self.shape)


@dataclasses.dataclass(frozen=True)
class Target:
    """What a model predicts for an example."""

    kind: str  # classification or regression
    classes: list[str]  # in label order; empty for regression

    @property
    def outputs(self) -> int:
        """Number of model outputs: 1 for two classes, the second one's probability."""
        return 1 if len(self.classes) <= 2 else len(self.classes)

    @property
    def activation(self) -> str:
        """Activation of the output layer."""
        if self.kind == "regression":
            return "linear"
        return "sigmoid" if self.outputs == 1 else "softmax"


@dataclasses.dataclass(frozen=True)
class Spec:
    """Description of a normalized data set, which every later stage reads."""

    data: str
    inputs: dict[str, Input]
    targets: dict[str, Target]
    splits: dict[str, int]  # number of examples
    method: str  # how numbers are scaled: normalize.method

    @property
    def input_shape(self) -> Any:
        """Shape of the model's input, or of each input by name."""
        return unwrap_single({name: each.model_shape for name, each in self.inputs.items()})

    @property
    def outputs(self) -> Any:
        """Number of model outputs, or of those for each target by name."""
        return unwrap_single({name: each.outputs for name, each in self.targets.items()})

    @property
    def activation(self) -> Any:
        """Activation of the output layer, or of each target's by name."""
        return unwrap_single({name: each.activation for name, each in self.targets.items()})

    @property
    def target(self) -> Target | None:
        """The target if there is only one, else None."""
        (first, *others) = self.targets.values()
        return None if others else first


def as_dict(parts: Part | Mapping[str, Part], name: str) -> dict[str, Part]:
    """Return a mapping as a dict, and a single value as {name: value}."""
    return dict(parts) if isinstance(parts, Mapping) else {name: parts}


def unwrap_single(parts: Mapping[str, Part]) -> Part | dict[str, Part]:
    """Return the only value of a mapping, or all by name; Keras takes both forms."""
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
    """Return a split's arrays, memory-mapped."""
    spec = read_spec(root)

    def mapped(name: str) -> np.ndarray:
        array: np.ndarray = np.load(_path(root / layout.READY, split, name), mmap_mode="r")
        return array

    weighted = _path(root / layout.READY, split, SAMPLE_WEIGHT).exists()
    return Examples(
        unwrap_single({name: mapped(name) for name in spec.inputs}),
        unwrap_single({name: mapped(name) for name in spec.targets}),
        mapped(SAMPLE_WEIGHT) if weighted else None,
    )


def save_examples(examples: Examples, split: str, folder: Path) -> None:
    """Write a split's arrays."""
    for name, array in examples.named.items():
        np.save(_path(folder, split, name), array)


def _path(folder: Path, split: str, name: str) -> Path:
    return folder / f"{split}_{name}.npy"
