"""Examples of the test split that the training split has too."""

import numpy as np

from lockstep.data.blocks import spans
from lockstep.data.spec import Examples, X, as_dict

WORD, CACHED = 8, 2**20  # bytes of a word, and of what is hashed at once


def count_duplicates(train: Examples, test: Examples) -> int:
    """Return how many test examples have the same stored inputs as a training example.

    Inputs are compared by 64 bits of a hash.
    """
    known = np.sort(_digests(test, slice(None)))
    found = np.zeros(len(known), bool)
    for rows in spans(train.size, WORD):
        found |= _are_in(known, np.sort(_digests(train, rows)))
    return int(found.sum())


def _are_in(digests: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    at = np.minimum(np.searchsorted(ordered, digests), len(ordered) - 1)
    same: np.ndarray = ordered[at] == digests
    return same


def _digests(examples: Examples, rows: slice) -> np.ndarray:
    """Return 64 bits of a hash of the inputs of each of these examples, (n,)."""
    arrays = [array[rows] for array in as_dict(examples.x, X).values()]
    digests = np.zeros(len(arrays[0]), np.uint64)
    generator = np.random.default_rng(0)
    for array in arrays:
        words = -(-array[:1].nbytes // WORD)
        keys = generator.integers(1, 2**64, words, np.uint64)
        count = max(1, CACHED // (words * WORD))
        for at in range(0, len(array), count):
            digests[at : at + count] += _hashed(_as_words(array[at : at + count], words), keys)
    return digests


def _as_words(array: np.ndarray, words: int) -> np.ndarray:
    """Return the bytes of each example as 64-bit words, (n, words), with zeros at the end."""
    rows = np.ascontiguousarray(array).reshape(len(array), -1).view(np.uint8)
    padded = np.zeros((len(rows), words * WORD), np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded.view(np.uint64)


def _hashed(words: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the sum of each row's words, each mixed with a key of its own, modulo 2**64."""
    words += keys
    words ^= words >> np.uint64(32)
    words *= np.uint64(0x9E3779B97F4A7C15)  # odd: no two words become one
    words ^= words >> np.uint64(29)
    total: np.ndarray = words.sum(axis=1, dtype=np.uint64)
    return total
