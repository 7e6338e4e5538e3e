"""The digest of a weights file, read without TensorFlow."""

import hashlib
from pathlib import Path

import h5py
import numpy as np


def digest(path: Path) -> str:
    """Return the sha256, in hex, over a .weights.h5: each array's path, dtype, shape and bytes."""
    total = hashlib.sha256()
    with h5py.File(path) as file:
        arrays: dict[str, np.ndarray] = {}
        file.visititems(
            lambda name, item: (
                arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(array.tobytes())
    return total.hexdigest()
