"""The serving model: preprocessing and model in one Keras model, from raw examples to outputs."""

import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from lockstep.config.schema import Params
from lockstep.data.spec import Examples, Input, Spec, as_dict, unwrap_single
from lockstep.modeling import outputs, preprocessing
from lockstep.modeling.layers import TableColumns, TextToIds
from lockstep.modeling.model import make_model_with
from lockstep.runtime.strategy import start_runtime

EXAMPLES = 2


def serving_model(params: Params, spec: Spec, weights: Path) -> keras.Model:
    """Return the model with these weights, with preprocessing in front.

    It takes raw examples: pixels, rows of numbers, a table's columns by name, or texts.
    """
    start_runtime(params.seed)
    return with_preprocessing(make_model_with(params, spec, weights), spec)


def with_preprocessing(model: keras.Model, spec: Spec) -> keras.Model:
    """Return the model with preprocessing in front; it takes raw examples.

    Logits become probabilities, as evaluation sees them.
    """
    as_probabilities = outputs.probabilities(outputs.logits(model, spec), spec.targets)
    raw = {name: _raw_input(name, each) for name, each in spec.inputs.items()}
    stored = {name: _to_stored(each, raw[name]) for name, each in spec.inputs.items()}
    given = as_probabilities(model(preprocessing.layers(spec)(unwrap_single(stored))))
    if isinstance(given, tuple | list):  # of a model without targets
        given = {str(number): each for number, each in enumerate(given)}
    with warnings.catch_warnings():
        ignore_unnamed_columns()
        return keras.Model(unwrap_single(raw), given, name="serving")


def ignore_unnamed_columns() -> None:
    """Silence the Keras warning for input layers whose names differ from their keys."""
    warnings.filterwarnings("ignore", "When providing `inputs` as a dict")


def _raw_input(name: str, each: Input) -> Any:
    if each.kind == "text":
        return keras.Input((), dtype="string", name=name)
    if each.columns:
        kinds = {column: "string" if known else "float32" for column, known in each.columns.items()}
        # Unnamed: some columns' names, such as km/h and `a b`, aren't valid in a TensorFlow graph.
        return {column: keras.Input((), dtype=kind) for column, kind in kinds.items()}
    return keras.Input(each.shape, dtype=each.dtype, name=name)


def _to_stored(each: Input, raw: Any) -> Any:
    """Turn raw examples into what the stage normalize stores."""
    if each.kind == "text":
        return TextToIds(each.words, each.shape[0])(raw)
    return TableColumns(each.columns)(raw) if each.columns else raw


def example_inputs(spec: Spec, examples: Examples) -> Any:
    """Return two raw examples, as the serving model takes them."""
    few = as_dict(examples.at(np.arange(EXAMPLES)).x, next(iter(spec.inputs)))
    return unwrap_single({name: _to_raw(each, few[name]) for name, each in spec.inputs.items()})


def _to_raw(each: Input, stored: np.ndarray) -> Any:
    if each.kind == "text":
        return np.array([" ".join(each.words[word] for word in row if word) for row in stored])
    if each.columns:
        return {
            name: np.array([known[int(n)] for n in column]) if known else column.astype(np.float32)
            for (name, known), column in zip(each.columns.items(), stored.T, strict=True)
        }
    return stored


def saved_model(params: Params, spec: Spec, weights: Path, example: Any, folder: Path) -> Any:
    """Export a SavedModel with these weights to a folder; return the outputs for `example`."""
    model = serving_model(params, spec, weights)
    model.export(folder, "tf_saved_model", verbose=False)
    given = model(tf.nest.map_structure(tf.constant, example))
    return tf.nest.map_structure(keras.ops.convert_to_numpy, given)
