"""Keras layers that turn raw and stored examples into model inputs."""

from typing import Any

import keras
import tensorflow as tf

from lockstep.data.spec import tokens

package = keras.saving.register_keras_serializable(package="lockstep")


@package
class TextToIds(keras.layers.Layer):
    """Map texts, (batch,), to the word ids that lockstep/data/text.py stores, (batch, length).

    `words` is the vocabulary by id.
    """

    def __init__(self, words: list[str], length: int, **more: Any) -> None:
        super().__init__(**more)
        self.words, self.length = list(words), length
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(self.words, tf.range(len(self.words))),
            self.words.index(tokens.UNKNOWN),
        )

    def call(self, texts: tf.Tensor) -> tf.Tensor:
        """Return int32 ids, padded with 0 in front; a longer text keeps its last words."""
        plain = tf.strings.regex_replace(texts, tokens.BREAK, " ")
        plain = tf.strings.regex_replace(plain, tokens.APOSTROPHE, "")
        plain = tf.strings.regex_replace(tf.strings.lower(plain), tokens.BETWEEN, " ")
        words = tf.strings.split(plain, " ")
        words = tf.ragged.boolean_mask(words, words != "")
        ids = tf.ragged.map_flat_values(self.table.lookup, words)
        return self._last(ids)

    def _last(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Return the last `length` ids of each row, aligned to the right."""
        count = tf.cast(ids.row_lengths(), tf.int32)
        positions = count[:, None] - self.length + tf.range(self.length)
        full = tf.pad(ids.to_tensor(), [[0, 0], [0, 1]])  # a column even if all texts are empty
        gathered = tf.gather(full, tf.maximum(positions, 0), batch_dims=1)
        return tf.where(positions >= 0, gathered, 0)

    def compute_output_spec(self, texts: keras.KerasTensor) -> keras.KerasTensor:
        """Return the output's shape and dtype."""
        return keras.KerasTensor((texts.shape[0], self.length), "int32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "words": self.words, "length": self.length}


@package
class TableColumns(keras.layers.Layer):
    """Map a table's raw columns by name, each (batch,), to its stored matrix, (batch, columns).

    `columns` has the categories of each text column, and an empty list for each numeric one.
    """

    def __init__(self, columns: dict[str, list[str]], **more: Any) -> None:
        super().__init__(**more)
        self.columns = {name: list(categories) for name, categories in columns.items()}
        self.tables = {
            name: tf.lookup.StaticHashTable(
                tf.lookup.KeyValueTensorInitializer(each, tf.range(len(each))), 0
            )
            for name, each in self.columns.items()
            if each
        }

    def call(self, rows: dict[str, tf.Tensor]) -> tf.Tensor:
        """Return float32 numbers; a text that is no category is 0."""
        found = [
            self.tables[name].lookup(rows[name]) if name in self.tables else rows[name]
            for name in self.columns
        ]
        return tf.stack([tf.cast(each, tf.float32) for each in found], axis=1)

    def compute_output_spec(self, rows: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
        """Return the output's shape and dtype."""
        return keras.KerasTensor((None, len(self.columns)), "float32")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "columns": self.columns}


@package
class EncodeColumns(keras.layers.Layer):
    """One-hot encode the category columns of a stored matrix.

    `sizes` is each column's number of categories, 0 for a numeric column.
    """

    def __init__(self, sizes: list[int], **more: Any) -> None:
        super().__init__(dtype="float32", **{k: v for k, v in more.items() if k != "dtype"})
        self.sizes = list(sizes)

    def call(self, stored: tf.Tensor, scaled: tf.Tensor) -> tf.Tensor:
        """Return one-hot categories of `stored` and numbers of `scaled`, (batch, model columns)."""
        parts = [
            tf.one_hot(tf.cast(stored[:, index], tf.int32), size)
            if size
            else scaled[:, index : index + 1]
            for index, size in enumerate(self.sizes)
        ]
        return tf.concat(parts, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "sizes": self.sizes}
