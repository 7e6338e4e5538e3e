"""Write weights files with reproducible bytes, and hash them without TensorFlow."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from lockstep.storage import atomic_files, disk

if TYPE_CHECKING:
    import keras

# At least what HDF5 adds to the arrays: groups and their tables.
OVERHEAD, OVERHEAD_PER_WEIGHT = 2**17, 2**13


def weights_digest(path: Path) -> str:
    """Return the hex sha256 of a .weights.h5: of each array's path, dtype, shape and bytes."""
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


def hdf5_size(sizes: Sequence[int]) -> int:
    """Return the bytes that an HDF5 file with arrays of these sizes, in bytes, takes at most."""
    return sum(sizes) + OVERHEAD + OVERHEAD_PER_WEIGHT * len(sizes)


def save_weights(model: "keras.Model", path: Path) -> None:
    """Write a .weights.h5 without the optimizer; the same weights give the same bytes."""
    from keras.src.saving import saving_lib

    # HDF5 ends the process with a segmentation fault if the disk gets full while a file is open.
    sizes = [math.prod(each.shape) * each.value.dtype.size for each in model.weights]
    disk.require_space(path, hdf5_size(sizes))
    # `model.save_weights` can't leave the optimizer out.
    with atomic_files.whole_file(path) as part:
        saving_lib.save_weights_only(
            model, part, objects_to_skip=[getattr(model, "optimizer", None)]
        )
