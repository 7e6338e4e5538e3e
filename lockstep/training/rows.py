"""Examples stored as rows of 64-bit words, which a GPU can gather from its own memory.

TensorFlow has no GPU kernel to gather uint8, uint16, int8, int16 or uint32, and it keeps int32
arguments of a graph in host memory. A bitcast gives the same bits back, on every device.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

WORD = np.dtype(np.int64)


class RowFormat(NamedTuple):
    """What the words of a row are: one example of this dtype and shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes of an example."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)

    @property
    def words(self) -> int:
        """Words of a row; the last may have unused bytes."""
        return -(-self.size // WORD.itemsize)


def format_of(array: np.ndarray) -> RowFormat:
    """Return the format of an array's examples; its first axis numbers them."""
    return RowFormat(array.dtype.name, array.shape[1:])


def to_words(array: np.ndarray) -> np.ndarray:
    """Return an array of examples as int64 words, (examples, words): a view, or a padded copy."""
    row = format_of(array)
    native = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    content = native.reshape(len(array), math.prod(row.shape)).view(np.uint8)
    unused = row.words * WORD.itemsize - row.size
    return (np.pad(content, ((0, 0), (0, unused))) if unused else content).view(WORD)


def from_words(words: tf.Tensor, row: RowFormat) -> tf.Tensor:
    """Return the examples, (rows, *shape), that int64 words, (rows, words), contain."""
    content = tf.reshape(tf.bitcast(words, tf.uint8), (-1, row.words * WORD.itemsize))
    if row.words * WORD.itemsize != row.size:
        content = content[:, : row.size]
    if row.dtype == "bool":  # no bitcast has this type
        return tf.cast(tf.reshape(content, (-1, *row.shape)), tf.bool)
    item = np.dtype(row.dtype).itemsize
    bytes_of_items = (-1, *row.shape) if item == 1 else (-1, *row.shape, item)
    return tf.bitcast(tf.reshape(content, bytes_of_items), row.dtype)
