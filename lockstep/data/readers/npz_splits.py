"""The arrays of an .npz file by split: x_train, y_train, x_test, ..., or x and y."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice

ALL = ""  # the suffix of arrays of all examples
SUFFIXES = {
    "train": ("train",),
    "validation": ("validation", "valid", "val"),
    "test": ("test",),
}
EXPECTED = "expected x_train, y_train, x_test and y_test, or x and y; without targets no y"


@dataclass(frozen=True)
class NpzSplits:
    """Arrays by name, or only their lengths, and which of them are of which split."""

    path: Path
    arrays: Mapping[str, Any]
    suffixes: Mapping[str, str]  # by split
    targets: bool

    @property
    def used(self) -> list[str]:
        """The names of all inputs and targets."""
        parts = ("x", "y") if self.targets else ("x",)
        return [_joined(part, suffix) for suffix in self.suffixes.values() for part in parts]

    def examples(self, split: str) -> tuple[Any, ...]:
        """Return x and y of a split, or only x without targets; raises DataError."""
        suffix = self.suffixes[split]
        names = [_joined(part, suffix) for part in (("x", "y") if self.targets else ("x",))]
        lengths = {name: len(self.arrays[name]) for name in names}
        if len(set(lengths.values())) > 1:
            counts = " and ".join(f"{count} {name}" for name, count in lengths.items())
            raise DataError(f"{self.path}: {counts}, expected the same number of each")
        return tuple(self.arrays[name] for name in names)

    def named(self, key: str, given: str | None, split: str) -> np.ndarray | None:
        """Return the array, (n,), that a key of params.yaml names, for a split; None for None."""
        if given is None:
            return None
        name, count = _joined(given, self.suffixes[split]), len(self.examples(split)[0])
        if name not in self.arrays:
            expected = choice(name, sorted(self.arrays))
            raise ParamsError(
                f"data.{key}: got {given!r} and no array {name!r}, expected {expected}"
            )
        array: np.ndarray = self.arrays[name]
        if array.shape != (count,):
            raise DataError(f"{self.path}: {name} has the shape {array.shape}, expected ({count},)")
        return array


def by_split(path: Path, arrays: Mapping[str, Any]) -> NpzSplits:
    """Return arrays by split; x and y may be written in capitals. Raises DataError."""
    arrays = _renamed(path, arrays)
    suffixes = _suffixes(path, arrays)
    with_targets = {_joined("y", suffix) in arrays for suffix in suffixes.values()}
    beside = any(name == "y" or name.startswith("y_") for name in arrays)
    if len(with_targets) > 1 or (beside and with_targets == {False}):
        raise DataError(f"{path}: contains {', '.join(sorted(arrays))}, {EXPECTED}")
    return NpzSplits(path, arrays, suffixes, with_targets == {True})


def _suffixes(path: Path, names: Collection[str]) -> dict[str, str]:
    """Return the suffix of each split's arrays; all examples are in train."""
    found = {
        split: [suffix for suffix in suffixes if f"x_{suffix}" in names]
        for split, suffixes in SUFFIXES.items()
    }
    twice = next((each for each in found.values() if len(each) > 1), None)
    if twice:
        raise DataError(
            f"{path}: contains {' and '.join(f'x_{each}' for each in twice)}, expected one"
        )
    if found["train"]:
        return {split: suffixes[0] for split, suffixes in found.items() if suffixes}
    if "x" in names and not any(found.values()):
        return {"train": ALL}
    raise DataError(f"{path}: contains {', '.join(sorted(names)) or 'nothing'}, {EXPECTED}")


def _renamed(path: Path, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays by the expected names, which may be written in capitals: X_train."""
    suffixes = [ALL, *(suffix for each in SUFFIXES.values() for suffix in each)]
    expected = {_joined(part, suffix) for part in ("x", "y") for suffix in suffixes}
    names = [name.lower() if name.lower() in expected else name for name in arrays]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise DataError(f"{path}: contains {twice} twice, in capitals and not, expected it once")
    return dict(zip(names, arrays.values(), strict=True))


def _joined(name: str, suffix: str) -> str:
    return f"{name}_{suffix}" if suffix else name
