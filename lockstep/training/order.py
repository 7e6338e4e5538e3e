"""Which example is in which step of an epoch: a pure function of the seed and the epoch."""

import numpy as np

from lockstep.data import random_streams


def order_of_epoch(kind: str, count: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the indices of `count` examples, (steps, batch_size); a last partial batch is left.

    `kind` is shuffle, sequential, or replacement: then each index is drawn from all of them.
    """
    steps = count // batch_size
    random = random_streams.generator(seed, random_streams.ORDER, epoch)
    if kind == "shuffle":
        indices = random.permutation(count)[: steps * batch_size]
    elif kind == "sequential":
        indices = np.arange(steps * batch_size)
    else:
        indices = random.integers(count, size=steps * batch_size)
    return indices.reshape(steps, batch_size).astype(np.int32)
