"""The order of examples in an epoch: a pure function of the seed and the epoch."""

import numpy as np

from lockstep.data import random_streams


def order_of_epoch(kind: str, count: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    """Return the indices of the examples in an epoch's whole batches, (steps, batch_size).

    `kind` is shuffle, sequential or replacement: each index is drawn from all `count` examples.
    """
    return _whole(_indices(kind, count, batch_size, seed, epoch), batch_size)


def batches_of_epoch(
    kind: str, count: int, batch_size: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Return the orders of an epoch's whole batches and of its rest, if there are any.

    The rest are fewer examples than a batch, (1, rest). Drawn with replacement, all batches are
    whole, and there is at least one.
    """
    indices = _indices(kind, count, batch_size, seed, epoch)
    whole = _whole(indices, batch_size)
    rest = indices[whole.size :].reshape(1, -1).astype(np.int64)
    return [order for order in (whole, rest) if order.size]


def steps_per_epoch(kind: str, count: int, batch_size: int, last_batch: str) -> int:
    """Return the steps of an epoch; `last_batch` says keep or drop of its rest."""
    rest = last_batch == "keep" and kind != "replacement" and count % batch_size
    return (
        max(1, count // batch_size) if kind == "replacement" else count // batch_size + bool(rest)
    )


def _indices(kind: str, count: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
    random = random_streams.generator(seed, random_streams.ORDER, epoch)
    if kind == "shuffle":
        return random.permutation(count)
    if kind == "sequential":
        return np.arange(count)
    return random.integers(count, size=max(1, count // batch_size) * batch_size)


def _whole(indices: np.ndarray, batch_size: int) -> np.ndarray:
    steps = len(indices) // batch_size
    return indices[: steps * batch_size].reshape(steps, batch_size).astype(np.int64)
