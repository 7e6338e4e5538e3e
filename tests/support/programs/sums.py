"""A number plus an effect of each category, learned as embeddings of one number."""

import keras
from keras import layers

from lockstep.modeling.mixed_inputs import ColumnIds, SomeColumns

INPUT_KINDS = ("table",)
TARGET_KINDS = ("regression",)
CATEGORIES = "ids"


def build(input_shape, outputs, activation, spec) -> keras.Model:
    """Return the sum of a linear part of the numbers and a number for each category."""
    table = spec.inputs["x"]
    x = keras.Input(input_shape)
    numbers, parts = [], []
    for name, column in table.columns.items():
        if column.is_category:
            ids = ColumnIds(table.places[name][0], column.size)(x)
            parts.append(layers.Embedding(column.size, 1)(ids))
        else:
            numbers += table.places[name]
    linear = layers.Dense(1)(SomeColumns(numbers)(x))
    return keras.Model(x, layers.Add()([linear, *parts]), name="sums")
