"""Numeric inputs, images or tables, in their smallest dtype and with statistics for scaling."""

from typing import Any

import numpy as np

from lockstep.data.spec import Input

RANK_OF_TABLE = 2


def store_numbers(raw: dict[str, np.ndarray]) -> tuple[Input, dict[str, np.ndarray]]:
    """Return the input's description, and each split's array in one common dtype."""
    arrays = smallest_dtypes(raw)
    x = arrays["train"]
    kind = "table" if x.ndim == RANK_OF_TABLE else "image"
    return Input(kind, list(x.shape[1:]), x.dtype.name, statistics_of(x)), arrays


def statistics_of(x: np.ndarray) -> dict[str, Any]:
    """Return minimum, maximum, mean and standard deviation: of all pixels, or per table column."""
    axis = 0 if x.ndim == RANK_OF_TABLE else None
    return {
        "minimum": x.min(axis).astype(float).tolist(),
        "maximum": x.max(axis).astype(float).tolist(),
        "mean": x.mean(axis, dtype=np.float64).tolist(),
        "deviation": x.std(axis, dtype=np.float64).tolist(),
    }


def smallest_dtypes(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cast all arrays to the smallest dtype that holds their values; fractions become float32."""
    dtype = np.result_type(*map(_smallest_dtype, arrays.values()))
    return {name: array.astype(dtype, copy=False) for name, array in arrays.items()}


def _smallest_dtype(array: np.ndarray) -> np.dtype:
    if array.dtype.kind not in "fiub" or array.size == 0:
        return array.dtype
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.trunc(array))).all():
        return np.dtype(np.float32)
    low, high = int(array.min()), int(array.max())
    # With negative values, look for the signed type that holds `high`: -high - 1 needs the same.
    types = (np.min_scalar_type(bound) for bound in (low, -high - 1 if low < 0 <= high else high))
    return np.promote_types(*types)
