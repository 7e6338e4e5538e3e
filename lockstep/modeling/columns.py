"""Keras layers for the columns of a table: from raw cells to stored numbers to model inputs."""

from typing import Any

import keras
import tensorflow as tf

from lockstep.data.spec.columns import Column
from lockstep.modeling.dates import date_part, days

package = keras.saving.register_keras_serializable(package="lockstep")


def _as_columns(columns: dict[str, Any]) -> dict[str, Column]:
    return {
        name: each if isinstance(each, Column) else Column(**each) for name, each in columns.items()
    }


@package
class StoreColumns(keras.layers.Layer):
    """Map a table's raw columns by name, each (batch,), to its stored matrix, (batch, columns).

    The columns of windows are (batch, rows), and become (batch, rows, columns).
    Numbers are float64, all others texts; NaN or an empty text is missing.
    """

    def __init__(self, columns: dict[str, Any], null_values: list[str], **more: Any) -> None:
        # float64 until the origin is subtracted: Keras would cast inputs to float32.
        super().__init__(**{**more, "autocast": False})
        self.columns, self.null_values = _as_columns(columns), list(null_values)
        self.tables = {
            name: self._table(each)
            for name, each in self.columns.items()
            if each.kind == "category"
        }

    def _table(self, column: Column) -> tf.lookup.StaticHashTable:
        """Numbers by text; a missing cell has the last, if the training split has any."""
        last = len(column.categories) if column.missing else 0
        numbers = dict.fromkeys(self.null_values, last)
        numbers |= {text: n for n, text in enumerate(column.categories) if n > 0}
        return tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(
                tf.constant(list(numbers), tf.string), tf.constant(list(numbers.values()), tf.int32)
            ),
            0,
        )

    def call(self, rows: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return float32 numbers, NaN where one is missing."""
        stored = [
            self._stored(name, each, rows[each.source or name])
            for name, each in self.columns.items()
        ]
        return tf.stack(stored, axis=-1)

    def _stored(self, name: str, column: Column, cells: tf.Tensor) -> tf.Tensor:
        if column.kind == "category":
            return tf.cast(self.tables[name].lookup(tf.strings.strip(cells)), tf.float32)
        if column.source:
            number = tf.cast(date_part(cells, column.kind), tf.float32)
            last = float(len(column.categories) if column.missing else 0)
            return tf.where(tf.math.is_nan(number), last, number + 1)
        if column.kind == "boolean":
            cells = _booleans(cells)
        elif column.kind == "date":
            cells = days(cells)
        return tf.cast(tf.cast(cells, tf.float64) - column.origin, tf.float32)

    def compute_output_spec(self, rows: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
        """Return the output's shape and dtype."""
        shape = next(iter(rows.values())).shape
        return keras.KerasTensor((*shape, len(self.columns)), "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "columns": {name: vars(each) for name, each in self.columns.items()},
            "null_values": self.null_values,
        }


def _booleans(cells: tf.Tensor) -> tf.Tensor:
    lower = tf.strings.lower(tf.strings.strip(cells))
    true = (lower == "true") | (lower == "yes")
    known = true | (lower == "false") | (lower == "no")
    return tf.where(known, tf.cast(true, tf.float64), float("nan"))


@package
class PrepareColumns(keras.layers.Layer):
    """Fill missing numbers of a stored matrix, scale them, and encode categories.

    They become one-hot columns, or an id if the model asks for it.
    `scale` and `offset` have a number for each column.
    """

    def __init__(self, columns: dict[str, Any], scale: Any, offset: Any, **more: Any) -> None:
        super().__init__(dtype="float32", **{k: v for k, v in more.items() if k != "dtype"})
        self.columns = _as_columns(columns)
        self.scale, self.offset = list(scale), list(offset)

    def call(self, stored: tf.Tensor) -> tf.Tensor:
        """Return float32 model inputs, (batch[, rows], model columns)."""
        stored = tf.cast(stored, tf.float32)
        parts = [
            self._prepared(number, each, stored[..., number])
            for number, each in enumerate(self.columns.values())
        ]
        return tf.concat(parts, axis=-1)

    def _prepared(self, number: int, column: Column, cells: tf.Tensor) -> tf.Tensor:
        if column.is_category:
            numbers = tf.cast(cells, tf.int32)
            if column.ids:  # the last is what the training split doesn't have, stored as 0
                ids = tf.where(numbers == 0, column.size, numbers) - 1
                return tf.cast(ids, tf.float32)[..., None]
            return tf.one_hot(numbers, column.width)
        missing = tf.math.is_nan(cells)
        if column.fill is not None:
            cells = tf.where(missing, column.fill, cells)
        scaled = cells * self.scale[number] + self.offset[number]
        parts = [scaled, *([tf.cast(missing, tf.float32)] if column.indicator else [])]
        return tf.stack(parts, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "columns": {name: vars(each) for name, each in self.columns.items()},
            "scale": self.scale,
            "offset": self.offset,
        }
