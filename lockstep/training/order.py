"""The order of examples in an epoch: a pure function of the seed and the epoch."""

import numpy as np

from lockstep.data import random_streams


def order_of_epoch(kind: str, count: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the indices of an epoch's examples, (steps, batch_size), without a partial batch.

    `kind` is shuffle, sequential or replacement: each index is drawn from all `count` examples.
    """
    steps = count // batch_size
    random = random_streams.generator(seed, random_streams.ORDER, epoch)
    if kind == "shuffle":
        indices = random.permutation(count)[: steps * batch_size]
    elif kind == "sequential":
        indices = np.arange(steps * batch_size)
    else:
        indices = random.integers(count, size=steps * batch_size)
    return indices.reshape(steps, batch_size).astype(np.int64)
