"""A network for whatever inputs there are: tables, texts, images and series, alone or together."""

from typing import Any

import keras
import numpy as np

from lockstep.data.spec import Input, Spec, Target, unwrap_single
from lockstep.modeling.mixed_inputs import AverageOfWords, Numbers, SomeColumns
from lockstep.modeling.preprocessing import scale_and_offset
from lockstep.modeling.units import in_units

INPUT_KINDS = ("table", "text", "image", "series")
TARGET_KINDS = ("classification", "multilabel", "regression")


def build(
    input_shape: Any,
    outputs: Any,
    activation: Any,
    spec: Spec,
    *,
    units: list[int] = [128, 64],  # noqa: B006  # read only
    dropout: float = 0.1,
    embedding: int = 32,
    filters: list[int] = [32, 64],  # noqa: B006  # read only
) -> keras.Model:
    """Return a part for each input, dense layers over all parts, and a head for each target.

    A word, and a category of a column with more than `embedding` of them, becomes a vector of that
    size. Heads of numbers give them in the units of the targets, whatever these are.
    """
    inputs, parts = {}, []
    for name, each in spec.inputs.items():
        dtype = "int32" if each.kind == "text" else "float32"
        inputs[name] = keras.Input(each.model_shape, dtype=dtype, name=name)
        parts += _parts(each, spec.method, inputs[name], embedding, filters)
    x = keras.layers.Concatenate()(parts) if len(parts) > 1 else parts[0]
    for width in units:
        x = keras.layers.Dense(width, activation="relu")(x)
        x = keras.layers.Dropout(dropout)(x)
    heads = {name: _head(target, x) for name, target in spec.targets.items()}
    return keras.Model(unwrap_single(inputs), unwrap_single(heads), name="any")


def _parts(each: Input, method: str, x: Any, embedding: int, filters: list[int]) -> list[Any]:
    """Return what the dense layers get of an input: tensors, (batch, size)."""
    if each.kind == "table":
        return _of_table(each, method, x, embedding)
    if each.kind == "text":
        vectors = keras.layers.Embedding(len(each.words), embedding)(x)
        return [AverageOfWords()(x, vectors)]
    pooled = _pooled(x, filters, "2D" if each.kind == "image" else "1D")
    return [*pooled, _last_row(each, x)] if each.windows else pooled


def _last_row(each: Input, x: Any) -> Any:
    """Return the last row of windows, (batch, columns): what comes next is often like it."""
    return keras.layers.Flatten()(keras.layers.Cropping1D((each.shape[0] - 1, 0))(x))


def _of_table(each: Input, method: str, x: Any, embedding: int) -> list[Any]:
    """Numbers, categories and indicators as they are, and vectors for long lists of categories."""
    parts, numbers, start = [], {}, 0
    others: list[int] = []
    for place, column in enumerate(each.columns.values()):
        places = range(start, start + column.width)
        if not column.is_category:
            numbers[place] = start
            others += places[1:]  # what says that a number was missing
        elif column.width > embedding:
            parts.append(keras.layers.Dense(embedding, use_bias=False)(SomeColumns([*places])(x)))
        else:
            others += places
        start += column.width
    if not each.columns:
        numbers = {place: place for place in range(*each.shape)}
    if numbers:
        some = SomeColumns(list(numbers.values()))(x)
        parts.append(Numbers(*_statistics(each, method, list(numbers)))(some))
    return [*parts, *([SomeColumns(others)(x)] if others else [])]


def _statistics(each: Input, method: str, places: list[int]) -> list[list[float]]:
    """Mean, deviation and minimum of these columns, as preprocessing has scaled them."""
    scale, offset = (np.array(part)[places] for part in scale_and_offset(each.statistics, method))
    mean, deviation, least = (
        np.array(each.statistics[name])[places] for name in ("mean", "deviation", "minimum")
    )
    deviation = np.where(deviation > 0, deviation, 1) * scale
    return [part.tolist() for part in (mean * scale + offset, deviation, least * scale + offset)]


def _pooled(x: Any, filters: list[int], rank: str) -> list[Any]:
    """Return the average and the maximum over all pixels or steps, after convolutions."""
    layers = vars(keras.layers)
    for count in filters:
        x = layers[f"Conv{rank}"](count, 3, activation="relu", padding="same")(x)
        x = layers[f"MaxPooling{rank}"](padding="same")(x)
    return [layers[f"Global{name}Pooling{rank}"]()(x) for name in ("Average", "Max")]


def _head(target: Target, x: Any) -> Any:
    return in_units(
        target, keras.layers.Dense(target.outputs, target.activation, dtype="float32")(x)
    )
