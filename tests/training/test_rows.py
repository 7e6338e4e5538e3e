"""Examples as 64-bit words, and back to the same bits."""

from typing import Any

import numpy as np
import pytest

RANDOM = np.random.default_rng(0)
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "float16", "float32",
          "float64", "bool")  # fmt: skip


@pytest.mark.parametrize("shape", [(), (1,), (3,), (8,), (5, 3), (2, 4, 1)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_bit_comes_back(tensorflow: Any, dtype: str, shape: tuple[int, ...]) -> None:
    from lockstep.training.rows import WORD, format_of, from_words, to_words

    size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=int))
    content = RANDOM.integers(0, 2 if dtype == "bool" else 256, (7, size), np.uint8)
    array = content.view(dtype).reshape(7, *shape)
    words = to_words(array)
    assert (words.dtype, words.shape) == (WORD, (7, -(-size // 8)))
    found = from_words(tensorflow.gather(words, [6, 0]), format_of(array)).numpy()
    assert (found.dtype, found.shape) == (array.dtype, (2, *shape))
    assert found.tobytes() == array[[6, 0]].tobytes()


def test_big_endian_arrays(tensorflow: Any) -> None:
    from lockstep.training.rows import format_of, from_words, to_words

    array = np.arange(6, dtype=">i2").reshape(3, 2)
    np.testing.assert_array_equal(from_words(to_words(array), format_of(array)), array)


def test_whole_words_are_not_copied(tensorflow: Any) -> None:
    from lockstep.training.rows import to_words

    array = np.zeros((3, 16), np.uint8)
    assert np.shares_memory(to_words(array), array)


def test_no_examples(tensorflow: Any) -> None:
    from lockstep.training.rows import to_words

    assert to_words(np.zeros((0, 28, 28), np.uint8)).shape == (0, 98)
