"""The user's own .npz file with NumPy arrays for training and testing; see data/README.md."""

import zipfile
from pathlib import Path

import numpy as np

from lockstep.data.readers import user_files
from lockstep.errors import DataError

import_files = user_files.import_files
SPLIT, WHOLE = {"x_train", "y_train", "x_test", "y_test"}, {"x", "y"}


def check(source: Path, target: str | None) -> None:
    """Raise DataError if `source` is no .npz file; its arrays are checked by `read`."""
    for path in user_files.check_suffix(source, ".npz"):
        if not zipfile.is_zipfile(path):
            raise DataError(f"{path}: truncated or no .npz file")


def read(folder: Path, size: list[int] | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return x and y of both splits; raises DataError, also for arrays of Python objects."""
    (path,) = user_files.files(folder, ".npz").values()
    arrays = _load(path)
    if arrays.keys() >= SPLIT:
        return {each: (arrays[f"x_{each}"], arrays[f"y_{each}"]) for each in ("train", "test")}
    if not arrays.keys() >= WHOLE:
        names = ", ".join(arrays) or "nothing"
        expected = "x_train, y_train, x_test and y_test, or x and y"
        raise DataError(f"{path}: contains {names}, expected {expected}")
    x, y = arrays["x"], arrays["y"]
    if len(x) != len(y):
        raise DataError(f"{path}: {len(x)} inputs and {len(y)} targets, expected the same number")
    test = user_files.draw_test_mask(len(x))
    return {"train": (x[~test], y[~test]), "test": (x[test], y[test])}


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a complete .npz file of plain arrays ({error})") from None
    return {name: _flat(array) if name.startswith("y") else array for name, array in arrays.items()}


def _flat(y: np.ndarray) -> np.ndarray:
    """Targets of shape (n, 1) as (n,)."""
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
