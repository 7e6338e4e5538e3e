"""The serving model: preprocessing and model in one, from raw examples to outputs."""

from pathlib import Path

import keras
import numpy as np

from params import Params
from tasks import _model, _preprocessing, _runtime
from tasks._spec import Spec


def saved_model(
    params: Params, spec: Spec, weights: Path, example: np.ndarray, folder: Path
) -> np.ndarray:
    """Export a SavedModel with these weights to a folder; return its outputs for the example."""
    _runtime.start(params.seed)
    model = _model.make(params, spec)
    model.load_weights(weights)
    preprocess = _preprocessing.layers(spec)
    inputs = keras.Input(spec.shape, dtype=spec.dtype)
    serving = keras.Model(inputs, model(preprocess(inputs)))
    serving.export(folder, "tf_saved_model", verbose=False)
    return keras.ops.convert_to_numpy(serving(example))
