"""Load published weights into one layer of a model, in the stage build."""

import warnings
from pathlib import Path
from typing import NamedTuple

import keras

from lockstep.errors import DataError
from lockstep.messages import first_line
from lockstep.modeling.weight_files import check_weights

LEGACY, CURRENT = (".h5", ".hdf5"), ".weights.h5"


class PretrainedWeights(NamedTuple):
    """A file with weights for a layer of a model; what a model's `pretrained` returns.

    `file` is a name at the publisher's `address`, or without one a path from the main checkout.
    """

    layer: str
    file: str
    digest: str | None  # md5 or sha256, in hex
    address: str | None = None  # before the name, with a slash at the end
    folder: str = ""  # the publisher's folder in data.mirror


def load_pretrained(model: keras.Model, layer: str, path: Path) -> None:
    """Load a Keras file of weights, .weights.h5 or the older .h5, into the layer of that name.

    Raises DataError for a file whose number of layers, arrays or shapes differs.
    """
    if not path.name.endswith(LEGACY):
        raise DataError(f"{path}: expected a file of weights, {CURRENT} or {LEGACY[0]}")
    check_weights(path)
    target = model.get_layer(layer)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Keras only warns of layers that the file doesn't have
            target.load_weights(path)
    except (ValueError, KeyError, OSError, UserWarning) as error:
        problem = first_line(error).removesuffix(".")
        size = f"{len(target.weights)} arrays of {target.count_params():,} numbers"
        raise DataError(
            f"{path}: {problem}; expected weights of the layer {layer}, which has {size}"
        ) from None
