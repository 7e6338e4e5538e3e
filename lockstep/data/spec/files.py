"""Write and read data/ready: spec.json, and a .npy file for each array of a split."""

import dataclasses
import json
import mmap
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.data.spec.columns import Column
from lockstep.data.spec.examples import SAMPLE_WEIGHT, Examples, unwrap_single
from lockstep.data.spec.file_checks import check_types, check_values
from lockstep.data.spec.inputs import Input
from lockstep.data.spec.targets import Target
from lockstep.data.spec.tokens import WORDS
from lockstep.errors import DataError
from lockstep.storage import atomic_files, layout

MAX_BYTES = 2**28  # of a spec.json; the vocabulary of a text is most of it


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
        """Number of model outputs, or of those for each target by name; None without targets."""
        counts = {name: each.outputs for name, each in self.targets.items()}
        return unwrap_single(counts) if counts else None

    @property
    def activation(self) -> Any:
        """Activation of the output layer, or of each target's by name; None without targets."""
        names = {name: each.activation for name, each in self.targets.items()}
        return unwrap_single(names) if names else None

    @property
    def target(self) -> Target | None:
        """The target if there is exactly one, else None."""
        return next(iter(self.targets.values())) if len(self.targets) == 1 else None


def write_spec(spec: Spec, folder: Path) -> None:
    """Write spec.json."""
    values = dataclasses.asdict(spec)
    for each in values["inputs"].values():
        # So that data sets without these keep the bytes of their spec.json.
        del each["sizes"]  # the parameters say it
        for name in ("files", "windows"):
            if not each[name]:
                del each[name]
        if each["tokens"] == WORDS:
            del each["tokens"]
        for column in each["columns"].values():
            del column["ids"]  # the model's file says it
    for each in values["targets"].values():
        del each["outputs_are"]  # the model's file or its loss says it
        if each["method"] == "none":
            del each["method"]
    atomic_files.write_json(folder / "spec.json", values)


def read_spec(root: Path) -> Spec:
    """Read data/ready/spec.json; raises DataError if it isn't there."""
    return read_spec_file(root / layout.SPEC)


def read_spec_file(path: Path) -> Spec:
    """Read a spec.json; raises DataError if it isn't there, or isn't one."""
    if not path.is_file():
        raise DataError(f"{path}: no such file, run the stage normalize first")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        return _spec(path.read_bytes())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: not a spec.json of this version ({error})") from None


def _spec(text: bytes) -> Spec:
    check_types(text)
    values = json.loads(text)
    inputs = {name: _input(**each) for name, each in values.pop("inputs").items()}
    targets = {name: Target(**each) for name, each in values.pop("targets").items()}
    spec = Spec(inputs=inputs, targets=targets, **values)
    check_values(spec)
    return spec


def _input(columns: dict[str, Any], **more: Any) -> Input:
    return Input(columns={name: Column(**each) for name, each in columns.items()}, **more)


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


def save_examples(examples: Examples, split: str, folder: Path, scratch: Path) -> None:
    """Write a split's arrays; the files of memory maps in `scratch` are moved instead."""
    for name, array in examples.named.items():
        path = _path(folder, split, name)
        if _is_file_in(scratch, array):
            Path(str(array.filename)).rename(path)  # type: ignore[attr-defined]
        else:
            np.save(path, array)


def _is_file_in(scratch: Path, array: np.ndarray) -> bool:
    """Whether an array is the whole content of a .npy file in a folder."""
    if not isinstance(array, np.memmap) or not isinstance(array.base, mmap.mmap):
        return False
    path = Path(str(array.filename))
    if (
        path.parent.resolve() != scratch.resolve()
        or path.suffix != ".npy"
        or not array.flags.c_contiguous
    ):
        return False
    found = np.load(path, mmap_mode="r")
    return found.shape == array.shape and found.dtype == array.dtype and not np.isfortran(found)


def _path(folder: Path, split: str, name: str) -> Path:
    return folder / f"{split}_{name}.npy"
