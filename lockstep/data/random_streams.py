"""Random generators that depend only on the seed, the stream and the epoch."""

import numpy as np

VALIDATION, ORDER, LIMIT, CALLBACKS = range(4)  # numbers of independent streams


def generator(seed: int, stream: int, epoch: int = 0) -> np.random.Generator:
    """Return the generator of one stream and epoch."""
    sequence = np.random.SeedSequence(seed, spawn_key=(stream, epoch))
    return np.random.Generator(np.random.Philox(sequence))
