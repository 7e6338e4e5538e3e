"""What is computed in blocks is what NumPy computes at once, for blocks of any size."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.data import blocks
from lockstep.data.deviation import deviation, deviations
from lockstep.data.duplicates import count_duplicates
from lockstep.data.labels import class_numbers, distinct
from lockstep.data.readers import npz_files
from lockstep.data.spec import Examples, load_examples
from lockstep.data.strata import permutation
from lockstep.data.target_inference import are_classes
from tests.data.test_user_files import normalized

DTYPES = ("float32", "float64", "int32", "uint8")


@given(
    st.sampled_from(DTYPES),
    st.integers(1, 900),
    st.integers(1, 5),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([64, 1000, 2**24]),
)
def test_deviations_have_the_bits_of_numpy(
    dtype: str, count: int, columns: int, steps: int | None, size: int
) -> None:
    shape = (count, columns) if steps is None else (count, steps, columns)
    x = (np.random.default_rng(count).normal(size=shape) * 100).astype(dtype)
    axis = 0 if steps is None else (0, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BYTES", size)
        np.testing.assert_array_equal(deviations(x), x.std(axis, dtype=np.float64))
    assert deviation(x) == x.std(dtype=np.float64)


@given(st.sampled_from(DTYPES), st.integers(1, 30), st.integers(1, 30), st.integers(1, 20))
def test_duplicates_are_counted(dtype: str, train: int, test: int, width: int) -> None:
    numbers = np.random.default_rng(train).integers(0, 3, (train + test, width)).astype(dtype)
    numbers[:, 1:] = 7
    known = {row.tobytes() for row in numbers[:train]}
    expected = sum(row.tobytes() in known for row in numbers[train:])
    splits = [Examples(part, np.zeros(len(part))) for part in np.split(numbers, [train])]
    assert count_duplicates(*splits) == expected


@given(
    st.sampled_from(["uint8", "int64", "float64", "U3"]),
    st.integers(1, 40),
    st.integers(1, 1200),
    st.integers(-1, 2),
)
def test_classes_are_told_from_numbers_by_all_values(
    dtype: str, different: int, count: int, first: int
) -> None:
    y = np.random.default_rng(count).integers(0, different, count) + max(first, 0)
    y = (y * (3 if first < 0 else 1)).astype(dtype)
    values = np.unique(y)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BYTES", 64)
        np.testing.assert_array_equal(distinct(y), values)
        numbers = class_numbers("train", y, values)
        np.testing.assert_array_equal(values[numbers], y)
        if dtype == "U3":
            return
        few = len(values) <= (0.05 if count > 1000 else 0.1) * count
        counts_up = dtype != "float64" and values[0] in (0, 1) and np.ptp(values) < len(values)
        expected = len(values) < count if len(values) <= 2 or counts_up else few
        assert are_classes(y) == expected


@given(st.integers(0, 3000), st.integers(0, 9))
def test_a_permutation_of_fewer_bytes_is_that_of_numpy(size: int, seed: int) -> None:
    generators = [np.random.default_rng(seed) for _ in range(2)]
    found = permutation(size, generators[0])
    np.testing.assert_array_equal(found, generators[1].permutation(size))
    assert generators[0].random() == generators[1].random()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_large_arrays_are_mapped_with_the_same_result(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, save: object
) -> None:
    x = np.random.default_rng(0).normal(size=(300, 7))
    x[:, 3] = np.arange(300)
    save(tmp_path / "mine.npz", x=x, y=np.arange(300) % 3)  # type: ignore[operator]
    found = []
    for size in (npz_files.MAPPED, 1):
        monkeypatch.setattr(npz_files, "MAPPED", size)
        monkeypatch.setattr(blocks, "BYTES", size)
        spec = normalized(workspace, tmp_path / "mine.npz")
        splits = {name: load_examples(workspace, name) for name in spec.splits}
        found.append((spec, {name: each.x.tobytes() for name, each in splits.items()}))  # type: ignore[union-attr]
    assert found[0] == found[1]
    assert not list((workspace / "data").glob("*/*unpacked*"))
