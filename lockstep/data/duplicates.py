"""Examples of the test split that the training split has too."""

import hashlib

import numpy as np

from lockstep.data.blocks import blocks
from lockstep.data.spec import Examples, X, as_dict


def count_duplicates(train: Examples, test: Examples) -> int:
    """Return how many test examples have the same stored inputs as a training example.

    Inputs are compared by 64 bits of a hash.
    """
    known = np.sort(_digests(test))
    found = np.zeros(len(known), bool)
    digests = _digests(train)
    for block in blocks(digests):
        found |= _are_in(known, np.sort(digests[block]))
    return int(found.sum())


def _are_in(digests: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    at = np.minimum(np.searchsorted(ordered, digests), len(ordered) - 1)
    same: np.ndarray = ordered[at] == digests
    return same


def _digests(examples: Examples) -> np.ndarray:
    """Return 64 bits of a hash of each example's inputs, (n,)."""
    inputs = tuple(as_dict(examples.x, X).values())
    digests = np.empty(examples.size, np.uint64)
    for number in range(examples.size):
        joined = b"".join(each[number].tobytes() for each in inputs)
        digests[number] = int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest(), "little")
    return digests
