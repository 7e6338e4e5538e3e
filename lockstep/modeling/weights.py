"""Write weights files with reproducible bytes, and hash them without TensorFlow."""

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from lockstep.errors import DataError
from lockstep.storage import atomic_files, disk

if TYPE_CHECKING:
    import keras

# At least what HDF5 adds to the arrays: groups and their tables.
OVERHEAD, OVERHEAD_PER_WEIGHT = 2**17, 2**13


def weights_digest(path: Path) -> str:
    """Return the hex sha256 of a .weights.h5: of each array's path, dtype, shape and bytes.

    Raises DataError if it is damaged.
    """
    total = hashlib.sha256()
    for name, array in sorted(_arrays(path).items()):
        total.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _arrays(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}

    def add(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = np.ascontiguousarray(item[()])

    try:
        with h5py.File(path) as file:
            file.visititems(add)
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:  # HDF5's own
        raise DataError(f"{path}: damaged ({error}); restore it by `dvc checkout`") from None
    return found


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
