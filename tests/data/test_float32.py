"""Numbers keep their meaning as float32, or one line says which don't."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.float32 import origin_of
from lockstep.errors import DataError
from tests.data.test_user_files import normalized

SECONDS = 1_700_000_000 + np.arange(100)


@pytest.mark.parametrize(
    ("values", "origin"),
    [
        (SECONDS, 1_700_000_000),
        (51.5 + np.arange(1000) * 1e-6, 51),
        (np.random.default_rng(0).random(100_000), 0),  # some merge wherever zero is
        (np.arange(1000) / 7, 0),
    ],
)
def test_what_is_subtracted_before_the_cast(values: np.ndarray, origin: float) -> None:
    assert origin_of("a", np.asarray(values, np.float64)) == origin


@pytest.mark.parametrize(
    ("x", "line"),
    [
        (SECONDS[:, None], r"column 0 of the inputs: 1700000000 and 1700000001 are one numb"),
        (np.array([0, 2**63 + 1, 2**63] * 10, np.uint64)[:, None], "are one number in float32"),
        (np.array([0.5, 1e39] * 10)[:, None], r"column 0 of the inputs: 1e\+39 is too large for"),
        (np.full((20, 3, 3), 1e39), r"the inputs: 1e\+39 is too large for float32"),
        (1e9 + np.arange(50)[:, None] / 8, "are one number in float32; subtract the smallest"),
    ],
)
def test_arrays_that_float32_cant_hold(workspace: Path, tmp_path: Path, x: Any, line: str) -> None:
    np.savez(tmp_path / "mine.npz", x=x, y=np.arange(len(x)) % 2)
    with pytest.raises(DataError, match=line):
        normalized(workspace, tmp_path / "mine.npz")
