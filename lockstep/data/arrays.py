"""Images and tables of numbers, as they are stored: in their smallest dtype, with statistics."""

from typing import Any

import numpy as np

from lockstep.data.spec import Input

RANK_OF_TABLE = 2


def store_numbers(raw: dict[str, np.ndarray]) -> tuple[Input, dict[str, np.ndarray]]:
    """Return each split's numbers in the one smallest dtype, and what describes them."""
    arrays = smallest_dtypes(raw)
    x = arrays["train"]
    kind = "table" if x.ndim == RANK_OF_TABLE else "image"
    return Input(kind, list(x.shape[1:]), x.dtype.name, statistics_of(x)), arrays


def statistics_of(x: np.ndarray) -> dict[str, Any]:
    """Minimum, maximum, mean and deviation: over all pixels, or of each column of a table."""
    axis = 0 if x.ndim == RANK_OF_TABLE else None
    return {
        "minimum": x.min(axis).astype(float).tolist(),
        "maximum": x.max(axis).astype(float).tolist(),
        "mean": x.mean(axis, dtype=np.float64).tolist(),
        "deviation": x.std(axis, dtype=np.float64).tolist(),
    }


def smallest_dtypes(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return arrays in the one smallest dtype that holds all of them; fractions become float32."""
    dtype = np.result_type(*map(_smallest_dtype, arrays.values()))
    return {name: array.astype(dtype, copy=False) for name, array in arrays.items()}


def _smallest_dtype(array: np.ndarray) -> np.dtype:
    if array.dtype.kind not in "fiub" or array.size == 0:
        return array.dtype
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.trunc(array))).all():
        return np.dtype(np.float32)
    low, high = int(array.min()), int(array.max())
    # Beside a negative number, what a signed type must hold of the others is their size.
    types = (np.min_scalar_type(bound) for bound in (low, -high - 1 if low < 0 <= high else high))
    return np.promote_types(*types)
