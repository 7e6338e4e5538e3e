"""Examples of the test split that the training split has too."""

import hashlib
from collections.abc import Iterator

from lockstep.data.spec import Examples, X, as_dict


def count_duplicates(train: Examples, test: Examples) -> int:
    """Return how many test examples have the same stored inputs as a training example."""
    known = set(_digests(train))
    return sum(digest in known for digest in _digests(test))


def _digests(examples: Examples) -> Iterator[bytes]:
    inputs = tuple(as_dict(examples.x, X).values())
    for number in range(examples.size):
        joined = b"".join(each[number].tobytes() for each in inputs)
        yield hashlib.blake2b(joined, digest_size=16).digest()
