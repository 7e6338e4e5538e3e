"""Beginning with the weights of another training, and keeping layers from learning."""

import fnmatch
import warnings
from pathlib import Path

import h5py
import keras
import numpy as np

from lockstep.config.schema import WarmStart
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice, first_line
from lockstep.storage import atomic_files
from lockstep.storage.checkout import main_checkout


def load(model: keras.Model, start: WarmStart, root: Path) -> None:
    """Give the model the weights of another training, as far as `start.match` lets them.

    all: every weight must fit; name: layers of the same name; shape: layers whose weights fit, by
    their place in the model. Raises DataError for another file than the hash says, or none.
    """
    path = main_checkout(root) / start.weights
    if not path.is_file():
        raise DataError(f"train.warm_start.weights: {path}: no such file")
    found = atomic_files.sha256(path)
    if found != start.sha256:
        raise DataError(f"train.warm_start: {path} has sha256 {found}, expected {start.sha256}")
    if start.match == "name":
        _load_by_name(model, path)
    else:
        _load_by_place(model, path, skip_mismatch=start.match == "shape")


def freeze(model: keras.Model, patterns: list[str]) -> None:
    """Keep layers from learning, by name; raises ParamsError if a pattern fits no weights."""
    every = model._flatten_layers(include_self=False)
    layers = {layer.name: layer for layer in every if layer.weights}
    for pattern in patterns:
        names = fnmatch.filter(layers, pattern)
        if not names:
            raise ParamsError(f"train.freeze: got {pattern!r}, expected {choice(pattern, layers)}")
        for name in names:
            layers[name].trainable = False


def _load_by_place(model: keras.Model, path: Path, *, skip_mismatch: bool) -> None:
    before = model.get_weights()
    try:
        with warnings.catch_warnings(record=True) as misfits:  # Keras tells of them at length
            warnings.simplefilter("always")
            model.load_weights(path, skip_mismatch=skip_mismatch)
    except (ValueError, KeyError, OSError) as error:
        fix = "give train.warm_start.match name or shape to take what fits"
        raise DataError(f"train.warm_start: {path}: {first_line(error)}; {fix}") from None
    if misfits and all(map(np.array_equal, before, model.get_weights())):
        raise DataError(f"train.warm_start: {path}: no layer fits in its place")


def _load_by_name(model: keras.Model, path: Path) -> None:
    there = _weights_by_layer(path)
    loaded = 0
    for layer in model._flatten_layers(include_self=False):
        mine = [tuple(weight.shape) for weight in layer.weights]
        theirs = there.get(layer.name, [])
        if theirs and [weight.shape for weight in theirs] == mine:
            layer.set_weights(theirs)
            loaded += 1
    if not loaded:
        known = ", ".join(there) or "none"
        raise DataError(
            f"train.warm_start: {path}: no layer of a same name and shape; it has {known}"
        )


def _weights_by_layer(path: Path) -> dict[str, list[np.ndarray]]:
    """The arrays of each layer in a .weights.h5, by the layer's name, which Keras keeps beside."""
    found: dict[str, list[np.ndarray]] = {}

    def visit(_: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Group) and "name" in item.attrs and len(item):
            arrays = [item[key] for key in sorted(item, key=lambda key: (len(key), key))]
            if all(isinstance(array, h5py.Dataset) for array in arrays):
                found[str(item.attrs["name"])] = [array[()] for array in arrays]

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except OSError as error:
        raise DataError(f"train.warm_start: {path}: not a .weights.h5 file ({error})") from None
    return found
