"""Samples, histograms and most frequent values of arrays, which may be larger than memory."""

from typing import Any

import numpy as np

BYTES = 2**24  # of a sample at most: the card is the same for any normalize.memory_mb
SAMPLE = 10_000  # examples from which histograms and most frequent values are counted
BINS, FREQUENT = 20, 5
CONVERTED = 2**20  # numbers that are float64 at once


def sampled(array: np.ndarray, count: int = SAMPLE) -> np.ndarray:
    """Return at most `count` evenly spaced examples, fewer if these are very large."""
    count = min(count, max(1, BYTES // max(1, array[:1].nbytes)))
    return np.asarray(array[spaced(len(array), count)])


def spaced(size: int, count: int) -> slice:
    """Return a slice of at most `count` evenly spaced indices below `size`."""
    return slice(None, None, max(1, -(-size // count)))


def histogram(values: np.ndarray, low: float, high: float) -> list[int]:
    """Return how many values each of BINS equal parts from `low` to `high` has."""
    flat, counts = values.reshape(-1), np.zeros(BINS, np.int64)
    for at in range(0, len(flat), CONVERTED):
        part = flat[at : at + CONVERTED].astype(np.float64)
        counts += np.histogram(part, BINS, (low, high))[0]
    return counts.tolist()


def frequent(values: np.ndarray) -> list[tuple[Any, float]]:
    """Return the most frequent values with their shares; none if all values differ."""
    found, counts = np.unique(values, return_counts=True)
    if not len(counts) or counts.max() == 1:
        return []
    order = np.argsort(-counts, kind="stable")[:FREQUENT]
    return [(found[each], share(counts[each], len(values))) for each in order]


def share(count: Any, total: int) -> float:
    """Return a share, rounded so that JSON stays readable."""
    return round(float(count) / max(total, 1), 4)


def number(value: Any) -> int | float | None:
    """Return a number as JSON writes it: whole if it is, None for NaN."""
    found = float(str(value)) if isinstance(value, np.floating) else float(value)
    if not np.isfinite(found):
        return None
    return int(found) if found == np.trunc(found) and abs(found) < 2**53 else found
