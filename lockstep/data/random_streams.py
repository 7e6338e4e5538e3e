"""Random numbers as a pure function of what they are for."""

import numpy as np

VALIDATION, ORDER = 0, 1  # streams: none repeats another


def generator(seed: int, stream: int, epoch: int = 0) -> np.random.Generator:
    """Return the generator of one stream and epoch."""
    sequence = np.random.SeedSequence(seed, spawn_key=(stream, epoch))
    return np.random.Generator(np.random.Philox(sequence))
