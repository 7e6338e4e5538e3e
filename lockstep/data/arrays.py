"""Numeric inputs, images or tables, in their smallest dtype and with statistics for scaling."""

from typing import Any

import numpy as np

from lockstep.data.blocks import blocks, cast
from lockstep.data.deviation import deviation, deviations
from lockstep.data.float32 import check_columns, check_range
from lockstep.data.spec import Input
from lockstep.errors import DataError

RANK_OF_TABLE = 2
RANKS = {"table": (2,), "image": (3, 4), "series": (2, 3)}
EXPECTED = {
    "table": "expected (n, columns)",
    "image": "expected (n, height, width) or (n, height, width, channels)",
    "series": "expected (n, steps) or (n, steps, channels)",
}


def store_numbers(
    raw: dict[str, np.ndarray], kind: str | None = None
) -> tuple[Input, dict[str, np.ndarray]]:
    """Return the input's description, and each split's array in one common dtype.

    `kind` is image, table or series; by default rows are a table, all else are images. Raises
    DataError for a shape that the kind can't have.
    """
    if raw["train"].ndim == RANK_OF_TABLE and kind in (None, "table"):
        check_columns(raw["train"])
    elif raw["train"].dtype.kind == "f":
        check_range("the inputs", raw["train"])
    arrays = smallest_dtypes(raw)
    x = arrays["train"]
    kind = kind or ("table" if x.ndim == RANK_OF_TABLE else "image")
    if x.ndim not in RANKS.get(kind, ()):
        expected = EXPECTED.get(kind, f"expected one of {', '.join(RANKS)}")
        raise DataError(f"numbers of shape {x.shape}: can't be taken for {kind}: {expected}")
    return Input(kind, list(x.shape[1:]), x.dtype.name, statistics_of(x, kind)), arrays


def statistics_of(x: np.ndarray, kind: str = "table") -> dict[str, Any]:
    """Return minimum, maximum, mean and standard deviation.

    They are of all pixels, or one for each of a table's columns or a series' channels.
    """
    of_series = None if x.ndim == RANK_OF_TABLE else (0, 1)
    axis = {"table": 0, "image": None, "series": of_series}[kind]
    return {
        "minimum": x.min(axis).astype(float).tolist(),
        "maximum": x.max(axis).astype(float).tolist(),
        "mean": x.mean(axis, dtype=np.float64).tolist(),
        "deviation": deviation(x) if axis is None else deviations(x).tolist(),
    }


def smallest_dtypes(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cast all arrays to the smallest dtype that holds their values; fractions become float32."""
    dtype = np.result_type(*map(_smallest_dtype, arrays.values()))
    return {name: cast(array, dtype) for name, array in arrays.items()}


def _smallest_dtype(array: np.ndarray) -> np.dtype:
    if array.dtype.kind not in "fiub" or array.size == 0:
        return array.dtype
    if array.dtype.kind == "f" and not all(_are_whole(array[block]) for block in blocks(array)):
        return np.dtype(np.float32)
    low, high = int(array.min()), int(array.max())
    # With negative values, look for the signed type that holds `high`: -high - 1 needs the same.
    types = (np.min_scalar_type(bound) for bound in (low, -high - 1 if low < 0 <= high else high))
    return np.promote_types(*types)


def _are_whole(numbers: np.ndarray) -> bool:
    return bool((np.isfinite(numbers) & (numbers == np.trunc(numbers))).all())
