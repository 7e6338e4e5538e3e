"""The standard deviation of an array's numbers, without a copy of it in float64."""

import numpy as np

from lockstep.data.blocks import blocks

BLOCK = 2**20  # numbers


def deviation(x: np.ndarray) -> float:
    """Return what `x.std(dtype=np.float64)` returns, bit by bit, of an array in C order.

    NumPy adds by halves, down to a few numbers; so does this, down to a block, which NumPy adds.
    """
    if not x.flags.c_contiguous:
        return float(x.std(dtype=np.float64))
    squares = _squares(x.reshape(-1), x.mean(dtype=np.float64))
    return float(np.sqrt(squares / x.size))


def _squares(flat: np.ndarray, mean: np.float64) -> np.float64:
    if len(flat) <= BLOCK:
        distance = flat - mean
        return np.multiply(distance, distance, out=distance).sum()
    half = len(flat) // 2 // 8 * 8
    return _squares(flat[:half], mean) + _squares(flat[half:], mean)


def deviations(x: np.ndarray) -> np.ndarray:
    """Return what `x.std(axis, dtype=np.float64)` returns for all axes but the last, (columns,).

    NumPy adds rows one after the other; so does this, block after block.
    """
    rows = x.reshape(-1, x.shape[-1])
    if rows.shape[1] == 1:
        return np.array([deviation(x)])
    mean = rows.mean(axis=0, dtype=np.float64)
    total = np.zeros_like(mean)
    for block in blocks(rows):
        distance = rows[block] - mean
        np.multiply(distance, distance, out=distance)
        total = np.concatenate([total[None], distance]).sum(axis=0)
    return np.asarray(np.sqrt(total / len(rows)))
