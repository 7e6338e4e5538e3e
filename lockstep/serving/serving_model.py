"""The serving model: preprocessing and model in one Keras model, from raw examples to outputs."""

import warnings
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from lockstep.config.schema import Params
from lockstep.data.spec import Input, Spec, unwrap_single
from lockstep.modeling import outputs, preprocessing
from lockstep.modeling.columns import StoreColumns
from lockstep.modeling.layers import TextToIds
from lockstep.modeling.model import make_model_with
from lockstep.modeling.model_file import as_asked
from lockstep.runtime.strategy import start_runtime
from lockstep.serving.output_names import named
from lockstep.serving.raw_examples import takes_columns, with_columns_by_name


def serving_model(params: Params, spec: Spec, weights: Path) -> keras.Model:
    """Return the model with these weights, with preprocessing in front.

    It takes raw examples: pixels, rows of numbers, a table's columns by name, or texts.
    """
    start_runtime(params.seed)
    model = make_model_with(params, spec, weights)
    return with_preprocessing(model, as_asked(params, spec))


def with_preprocessing(model: keras.Model, spec: Spec) -> keras.Model:
    """Return the model with preprocessing in front; it takes raw examples.

    Logits become probabilities, as evaluation sees them; scores are called so.
    """
    found = outputs.given_by(model, spec)
    as_probabilities = outputs.probabilities(found, spec.targets)
    by_column = takes_columns(spec)
    raw = {name: _raw_input(name, each, column=by_column) for name, each in spec.inputs.items()}
    stored = {name: _to_stored(each, raw[name]) for name, each in spec.inputs.items()}
    raw = with_columns_by_name(raw, spec)
    # An exported model is called without `training`, which Keras's random layers take for true.
    given = model(preprocessing.layers(spec)(unwrap_single(stored)), training=False)
    given = as_probabilities(given)
    if isinstance(given, tuple | list):  # of a model without targets
        given = {str(number): each for number, each in enumerate(given)}
    given = named(given, outputs.described(spec, found))
    with warnings.catch_warnings():
        ignore_unnamed_columns()
        return keras.Model(raw if by_column else unwrap_single(raw), given, name="serving")


def ignore_unnamed_columns() -> None:
    """Silence the Keras warning for input layers whose names differ from their keys."""
    warnings.filterwarnings("ignore", "When providing `inputs` as a dict")


def _raw_input(name: str, each: Input, *, column: bool) -> Any:
    if each.kind == "text":
        return keras.Input((), dtype="string", name=None if column else name)
    if each.columns:
        # Unnamed: some columns' names, such as km/h and `a b`, aren't valid in a TensorFlow graph.
        return {
            column: keras.Input(
                each.shape[:-1], dtype="float64" if described.kind == "number" else "string"
            )
            for column, described in each.cells.items()
        }
    return keras.Input(each.shape, dtype=each.dtype, name=name)


def _to_stored(each: Input, raw: Any) -> Any:
    """Turn raw examples into what the stage normalize stores."""
    if each.kind == "text":
        return TextToIds(each.words, each.shape[0], each.tokens)(raw)
    return StoreColumns(each.columns, each.null_values)(raw) if each.columns else raw


def saved_model(params: Params, spec: Spec, weights: Path, example: Any, folder: Path) -> Any:
    """Export a SavedModel with these weights to a folder; return the outputs for `example`."""
    model = serving_model(params, spec, weights)
    model.export(folder, "tf_saved_model", verbose=False)
    given = model(tf.nest.map_structure(tf.constant, example))
    return tf.nest.map_structure(keras.ops.convert_to_numpy, given)
