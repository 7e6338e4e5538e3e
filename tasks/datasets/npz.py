"""The user's own .npz file with NumPy arrays for training and testing; see data/README.md."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Data, Params
from lockstep.data.readers import user_files
from lockstep.data.readers.npz_files import array_lengths, load_arrays
from lockstep.data.readers.npz_splits import ALL, NpzSplits, by_split
from lockstep.data.readers.raw_data import RawData, SplitKeys
from lockstep.errors import DataError
from lockstep.process import console

import_files = user_files.import_files

SUFFIXES = user_files.SUFFIXES["npz"]


def check(source: Path, data: Data) -> None:
    """Raise DataError if `source` is no .npz file; its arrays are checked by `read`."""
    for path in user_files.check_suffix(source, ".npz").values():
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path}: truncated or no .npz file")


def place(folder: Path, split: str, number: int, data: Data) -> str:
    """Return the index that an example of a split has in the file's arrays."""
    found = _lengths(next(iter(user_files.files(folder, ".npz").values())))
    whole = found.suffixes["train"] == ALL
    return f"{found.path}: {'' if whole else f'{split} '}example {number}"


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the file has."""
    found = _lengths(user_files.check_suffix(source, ".npz")["train"])
    names = {split: f"x_{suffix}" if suffix else "x" for split, suffix in found.suffixes.items()}
    return {split: found.arrays[name] for split, name in names.items()}


def read(folder: Path, params: Params, scratch: Path) -> RawData:
    """Return the examples of each split, with weights, and what other splits are drawn by.

    Raises DataError, also for arrays of Python objects.
    """
    found, data = _load(folder, scratch), params.data
    _say_unused(found, [each for each in (data.sample_weight, data.group, data.time) if each])
    return RawData(
        {split: _examples(found, data, split) for split in found.suffixes},
        {split: _split_keys(found, data, split) for split in found.suffixes},
    )


def _examples(found: NpzSplits, data: Data, split: str) -> tuple[Any, ...]:
    x, *y = found.examples(split)
    return (x, y[0] if y else {}, _weights(found, data, split))


def _split_keys(found: NpzSplits, data: Data, split: str) -> SplitKeys:
    group = found.named("group", data.group, split)
    return SplitKeys(group, _as_numbers(found.path, found.named("time", data.time, split)))


def _weights(found: NpzSplits, data: Data, split: str) -> np.ndarray | None:
    weights = found.named("sample_weight", data.sample_weight, split)
    if weights is not None and weights.dtype.kind not in "fiub":
        raise DataError(f"{found.path}: data.sample_weight is {weights.dtype}, expected numbers")
    return weights


def _as_numbers(path: Path, times: np.ndarray | None) -> np.ndarray | None:
    """Return times as numbers in the same order."""
    if times is None or times.dtype.kind in "iu":
        return times
    if times.dtype.kind == "M" and not np.isnat(times).any():
        return times.astype("datetime64[us]").astype(np.int64)
    if times.dtype.kind != "f" or not np.isfinite(times).all():
        raise DataError(
            f"{path}: data.time is {times.dtype}, expected finite numbers or datetime64"
        )
    return times


def _say_unused(found: NpzSplits, given: list[str]) -> None:
    suffixes = [f"_{suffix}" if suffix else "" for suffix in found.suffixes.values()]
    used = {*found.used, *(name + suffix for name in given for suffix in suffixes)}
    if left := sorted(set(found.arrays) - used):
        console.say(f"{found.path.name}: arrays that aren't used: {', '.join(left)}")


def _lengths(path: Path) -> NpzSplits:
    return by_split(path, array_lengths(path))


def _load(folder: Path, scratch: Path) -> NpzSplits:
    (path,) = user_files.files(folder, ".npz").values()
    arrays = load_arrays(path, scratch)
    for name, array in arrays.items():
        if array.ndim == 0:
            raise DataError(f"{path}: {name} is a single value, expected an array of examples")
        if array.dtype.kind == "S":
            arrays[name] = _decoded(path, name, array)
    return by_split(path, arrays)


def _decoded(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {name}: bytes that aren't UTF-8 ({error})") from None
