"""The Keras layer that turns texts into the ids that models take."""

from typing import Any

import keras
import tensorflow as tf

from lockstep.data.spec.tokens import APOSTROPHE, BETWEEN, BREAK, CHARACTERS, UNKNOWN, WORDS

package = keras.saving.register_keras_serializable(package="lockstep")


@package
class TextToIds(keras.layers.Layer):
    """Map texts, (batch,), to the ids that lockstep/data/text.py stores, (batch, length).

    `words` is the vocabulary by id, of words or of characters, as `tokens` says.
    """

    def __init__(self, words: list[str], length: int, tokens: str = WORDS, **more: Any) -> None:
        super().__init__(**more)
        self.words, self.length, self.tokens = list(words), length, tokens
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(self.words, tf.range(len(self.words))),
            self.words.index(UNKNOWN),
        )

    def call(self, texts: tf.Tensor) -> tf.Tensor:
        """Return int32 ids, padded with 0 in front; a longer text keeps its last words."""
        plain = tf.strings.regex_replace(texts, BREAK, " ")
        found = _characters(plain) if self.tokens == CHARACTERS else _words(plain)
        ids = tf.ragged.map_flat_values(self.table.lookup, found)
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
        return {
            **super().get_config(),
            "words": self.words,
            "length": self.length,
            "tokens": self.tokens,
        }


def _words(plain: tf.Tensor) -> tf.RaggedTensor:
    plain = tf.strings.regex_replace(plain, APOSTROPHE, "")
    plain = tf.strings.regex_replace(tf.strings.lower(plain), BETWEEN, " ")
    words = tf.strings.split(plain, " ")
    return tf.ragged.boolean_mask(words, words != "")


def _characters(plain: tf.Tensor) -> tf.RaggedTensor:
    return tf.strings.unicode_split(tf.strings.lower(plain), "UTF-8")
