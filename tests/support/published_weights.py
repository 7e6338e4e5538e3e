"""Weights in the format of keras.applications' publisher, as the older Keras wrote them."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

SMALL_NETWORK = "MobileNetV3Small"


def network(name: str = SMALL_NETWORK, seed: int = 0, size: int = 32, **more: Any) -> Any:
    """A network of keras.applications, with weights that pass something on to its outputs."""
    import keras

    keras.utils.set_random_seed(seed)
    arguments = {"include_top": False, "weights": None, "input_shape": (size, size, 3)}
    made = getattr(keras.applications, name)(**arguments | more)
    random = np.random.default_rng(seed)
    for weight in made.weights:
        if "variance" not in weight.path and weight.value.shape.rank == 1:
            weight.assign(weight + random.normal(0, 0.1, weight.shape))
    return made


def write_published(made: Any, path: Path) -> Path:
    """Write a network's weights as the publisher did."""
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, made)
    return path
