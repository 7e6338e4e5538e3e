"""Start with the weights of another training, and freeze layers."""

import fnmatch
import warnings
from pathlib import Path

import h5py
import keras
import numpy as np

from lockstep.config.schema import WarmStart
from lockstep.errors import DataError, ParamsError
from lockstep.messages import choice, first_line
from lockstep.modeling.weight_files import check_weights
from lockstep.storage import atomic_files
from lockstep.storage.checkout import main_checkout


def load(model: keras.Model, start: WarmStart, root: Path) -> None:
    """Load the weights of another training into the model, as `start.match` says.

    all: every weight must match; name: layers with the same name and shapes; shape: layers with the
    same shapes at the same position. Raises DataError if the file is missing, has another sha256,
    or doesn't match.
    """
    path = main_checkout(root) / start.weights
    if not path.is_file():
        raise DataError(f"train.warm_start.weights: {path}: no such file")
    found = atomic_files.sha256(path)
    if found != start.sha256:
        raise DataError(f"train.warm_start: {path} has sha256 {found}, expected {start.sha256}")
    check_weights(path, where="train.warm_start: ")
    if start.match == "name":
        _load_by_name(model, path)
    else:
        _load_by_position(model, path, skip_mismatch=start.match == "shape")


def trainable_layers(model: keras.Model) -> dict[int, bool]:
    """Return whether each layer is trainable as the model's file made it, by the layer's id."""
    return {id(each): each._trainable for each in model._flatten_layers()}


def freeze(
    model: keras.Model, patterns: list[str], trainable: dict[int, bool] | None = None
) -> None:
    """Freeze layers by name; the others become as `trainable_layers` returned it, if that is given.

    Raises ParamsError for a pattern without a layer that has weights.
    """
    if trainable is not None:
        for layer in model._flatten_layers():  # each before the layers inside of it
            layer.trainable = trainable[id(layer)]
    every = model._flatten_layers(include_self=False)
    layers = {layer.name: layer for layer in every if layer.weights}
    for pattern in patterns:
        names = fnmatch.filter(layers, pattern)
        if not names:
            raise ParamsError(f"train.freeze: got {pattern!r}, expected {choice(pattern, layers)}")
        for name in names:
            layers[name].trainable = False


def _load_by_position(model: keras.Model, path: Path, *, skip_mismatch: bool) -> None:
    before = model.get_weights()
    try:
        with warnings.catch_warnings(record=True) as mismatches:  # too long to show
            warnings.simplefilter("always")
            model.load_weights(path, skip_mismatch=skip_mismatch)
    except (ValueError, KeyError, OSError) as error:
        fix = "set train.warm_start.match to name or shape to load only what matches"
        raise DataError(f"train.warm_start: {path}: {first_line(error)}; {fix}") from None
    if mismatches and all(map(np.array_equal, before, model.get_weights())):
        raise DataError(
            f"train.warm_start: {path}: no layer has the shapes of the weights at its position"
        )


def _load_by_name(model: keras.Model, path: Path) -> None:
    by_layer = _weights_by_layer(path)
    loaded = 0
    for layer in model._flatten_layers(include_self=False):
        shapes = [tuple(weight.shape) for weight in layer.weights]
        weights = by_layer.get(layer.name, [])
        if weights and [weight.shape for weight in weights] == shapes:
            layer.set_weights(weights)
            loaded += 1
    if not loaded:
        known = ", ".join(by_layer) or "none"
        raise DataError(
            f"train.warm_start: {path}: no layer with the same name and shapes; "
            f"the file has {known}"
        )


def _weights_by_layer(path: Path) -> dict[str, list[np.ndarray]]:
    """Return the arrays of each layer in a .weights.h5, by the name that Keras stores with it."""
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
