"""The user's own .npz file with NumPy arrays for training and testing; see data/README.md."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Data, Params
from lockstep.data.readers import user_files
from lockstep.data.readers.npz_files import array_lengths, load_arrays
from lockstep.errors import DataError
from lockstep.process import console

import_files = user_files.import_files
PARTS, SPLITS = ("x", "y"), ("train", "test")


def check(source: Path, data: Data) -> None:
    """Raise DataError if `source` is no .npz file; its arrays are checked by `read`."""
    for path in user_files.check_suffix(source, ".npz"):
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path}: truncated or no .npz file")


def place(folder: Path, split: str, number: int, data: Data) -> str:
    """Return the index that an example of a split has in the file's arrays."""
    (path,) = user_files.files(folder, ".npz").values()
    lengths = _renamed(path, array_lengths(path))
    if "x" not in _names(path, set(lengths)):
        return f"{path}: {split} example {number}"
    return f"{path}: example {number}"


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the file has."""
    (path,) = user_files.check_suffix(source, ".npz")
    lengths = _renamed(path, array_lengths(path))
    if "x_train" in lengths:
        return {split: lengths.get(f"x_{split}", 0) for split in SPLITS}
    return {"train": lengths.get("x", 0)}


def read(folder: Path, params: Params, scratch: Path) -> dict[str, tuple[np.ndarray, ...]]:
    """Return x and y of both splits, or only x if there is no y.

    Raises DataError, also for arrays of Python objects.
    """
    (path,) = user_files.files(folder, ".npz").values()
    arrays = _load(path)
    names = _names(path, set(arrays))
    if left := sorted(set(arrays) - set(names)):
        console.say(f"{path.name}: arrays that aren't used: {', '.join(left)}")
    if "x" not in names:
        return {
            split: tuple(arrays[name] for name in names if name.endswith(split))
            for split in ("train", "test")
        }
    parts = [arrays[name] for name in names]
    if len({len(part) for part in parts}) > 1:
        counts = " and ".join(
            f"{len(part)} {name}" for name, part in zip(names, parts, strict=True)
        )
        raise DataError(f"{path}: {counts}, expected the same number of each")
    return {"train": tuple(parts)}


def _renamed(path: Path, arrays: dict[str, Any]) -> dict[str, Any]:
    """Return arrays by the expected names, which may be written in capitals: X_train."""
    expected = {*PARTS, *(f"{part}_{split}" for part in PARTS for split in SPLITS)}
    names = [name.lower() if name.lower() in expected else name for name in arrays]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise DataError(f"{path}: contains {twice} twice, in capitals and not, expected it once")
    return dict(zip(names, arrays.values(), strict=True))


def _names(path: Path, found: set[str]) -> list[str]:
    """Return the names of the arrays to read: of both splits, or of all examples."""
    split = [f"{part}_{split}" for split in SPLITS for part in PARTS]
    for names in (split, list(PARTS), [each for each in split if each[0] == "x"], ["x"]):
        if found >= set(names) and (names[-1][0] == "y" or not any(e[0] == "y" for e in found)):
            return names
    raise DataError(
        f"{path}: contains {', '.join(sorted(found)) or 'nothing'}, expected x_train, y_train, "
        "x_test and y_test, or x and y; without targets no y"
    )


def _decoded(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    try:
        return np.char.decode(array, "utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {name}: bytes that aren't UTF-8 ({error})") from None


def _load(path: Path) -> dict[str, np.ndarray]:
    arrays = _renamed(path, load_arrays(path))
    for name, array in arrays.items():
        if array.ndim == 0:
            raise DataError(f"{path}: {name} is a single value, expected an array of examples")
        if array.dtype.kind == "S":
            arrays[name] = _decoded(path, name, array)
    return arrays
