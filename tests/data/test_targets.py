"""What raw targets of the user's own arrays and tables are taken for."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Target, load_examples
from lockstep.errors import DataError
from tests.data.test_user_files import normalized

COUNT = 60
CYCLE = np.arange(COUNT) % 3


def targets(root: Path, folder: Path, y: np.ndarray, **changes: Any) -> tuple[Target, np.ndarray]:
    """The target that is inferred for these raw ones, and the stored values, all in order."""
    np.savez(
        folder / "mine.npz", x_train=np.eye(len(y)), y_train=y, x_test=np.eye(len(y)), y_test=y
    )
    spec = normalized(root, folder / "mine.npz", validation_split=0.0, **changes)
    return spec.targets["y"], np.asarray(load_examples(root, "train").y)


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (CYCLE, ["0", "1", "2"]),
        (CYCLE[:, None], ["0", "1", "2"]),
        (CYCLE.astype(np.uint8) + 1, ["1", "2", "3"]),
        (CYCLE.astype(np.float32), ["0", "1", "2"]),
        (CYCLE > 1, ["False", "True"]),
        (np.array(["b", "a", "ü"])[CYCLE], ["a", "b", "ü"]),
        (np.array([b"b", b"a", b"c"])[CYCLE], ["a", "b", "c"]),
        (CYCLE + 51277170, ["51277170", "51277171", "51277172"]),
        (CYCLE.astype(float) + 51277170, ["51277170", "51277171", "51277172"]),
        (CYCLE.astype(np.uint64) + 2**63, [str(2**63 + each) for each in range(3)]),
        (CYCLE + 20230101, ["20230101", "20230102", "20230103"]),
        (np.eye(3)[CYCLE], ["0", "1", "2"]),
        (np.eye(3, dtype=np.int64)[CYCLE], ["0", "1", "2"]),
        (np.arange(COUNT) % 26, [str(each) for each in range(26)]),
        (np.arange(COUNT) % 26 + 1, [str(each) for each in range(1, 27)]),
    ],
)
def test_these_are_classes(
    workspace: Path, tmp_path: Path, y: np.ndarray, names: list[str]
) -> None:
    target, stored = targets(workspace, tmp_path, y)
    assert (target.kind, target.classes, target.shape) == ("classification", names, [])
    first = {name: index for index, name in enumerate(dict.fromkeys(stored.tolist()))}
    again = np.array([first[each] for each in stored.tolist()])
    raw = y.argmax(1) if y.ndim > 1 and y.shape[1] > 1 else y.ravel()
    assert all(len(set(raw[again == each].tolist())) == 1 for each in set(again.tolist()))


def test_a_hundred_classes(workspace: Path, tmp_path: Path) -> None:
    target, stored = targets(workspace, tmp_path, np.arange(200) % 100)
    assert len(target.classes) == 100
    np.testing.assert_array_equal(stored, np.arange(200) % 100)


@pytest.mark.parametrize(
    "y",
    [
        np.arange(COUNT),  # each value only once
        CYCLE / 3,
        np.arange(COUNT) % 20 * 7.0,  # a third of the values are distinct
        np.arange(COUNT) % 20 + 1900,
        np.stack([CYCLE / 3, CYCLE / 7], axis=1),
    ],
)
def test_these_are_numbers(workspace: Path, tmp_path: Path, y: np.ndarray) -> None:
    target, stored = targets(workspace, tmp_path, y)
    assert (target.kind, target.classes, target.shape) == ("regression", [], list(y.shape[1:]))
    np.testing.assert_array_equal(stored, y.astype(np.float32))


def test_rows_of_zeros_and_ones_are_labels(workspace: Path, tmp_path: Path) -> None:
    y = np.unpackbits(np.arange(1, COUNT + 1, dtype=np.uint8)[:, None], axis=1)[:, 3:]
    target, stored = targets(workspace, tmp_path, y)
    assert (target.kind, target.outputs) == ("multilabel", 5)
    np.testing.assert_array_equal(stored, y)


def test_fractions_that_are_declared_classes_keep_their_digits(
    workspace: Path, tmp_path: Path
) -> None:
    y = np.array([0.12345671, 0.12345672])[CYCLE % 2]
    target, _ = targets(workspace, tmp_path, y, target_kind="classification")
    assert target.classes == ["0.12345671", "0.12345672"]


@pytest.mark.parametrize(
    ("y", "line"),
    [
        (np.full(COUNT, 7), "targets of all 60 training examples are the class 7, expected two"),
        (np.full(COUNT, 0.5), "targets of all 60 training examples are the number 0.5, expected"),
        (CYCLE + 1j, "targets are complex128, expected whole numbers"),
        (CYCLE.astype("datetime64[D]"), r"targets are datetime64\[D\], expected whole numbers"),
        (np.array(3), "y_train is a single value, expected an array"),
        (np.ones((COUNT, 2, 2)), r"targets of shape \(60, 2, 2\) for inputs of shape \(60, 60\)"),
    ],
)
def test_these_are_refused(workspace: Path, tmp_path: Path, y: np.ndarray, line: str) -> None:
    np.savez(tmp_path / "mine.npz", x_train=np.eye(60), y_train=y, x_test=np.eye(60), y_test=y)
    with pytest.raises(DataError, match=line):
        normalized(workspace, tmp_path / "mine.npz", validation_split=0.0)


def test_a_test_row_that_is_not_one_hot_is_refused(workspace: Path, tmp_path: Path) -> None:
    y = np.eye(3)[CYCLE]
    wrong = np.concatenate([y[:4], [[1, 1, 0]]])
    np.savez(
        tmp_path / "mine.npz", x_train=np.eye(60), y_train=y, x_test=np.eye(60)[:5], y_test=wrong
    )
    with pytest.raises(
        DataError, match=r"test example 4: label is \[1.0, 1.0, 0.0\], expected zer"
    ):
        normalized(workspace, tmp_path / "mine.npz", validation_split=0.0)


def test_names_in_capitals_are_taken(workspace: Path, tmp_path: Path) -> None:
    arrays = {"X_train": np.eye(60), "Y_train": CYCLE, "X_test": np.eye(60), "Y_test": CYCLE}
    np.savez(tmp_path / "mine.npz", **arrays)
    assert normalized(workspace, tmp_path / "mine.npz").targets["y"].classes == ["0", "1", "2"]
    np.savez(tmp_path / "twice.npz", x=np.eye(60), X=np.eye(60), y=CYCLE)
    with pytest.raises(DataError, match="contains x twice, in capitals and not"):
        normalized(workspace, tmp_path / "twice.npz")


def test_arrays_that_are_not_used_are_named(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "mine.npz", x=np.eye(60), y=CYCLE, weights=CYCLE)
    normalized(workspace, tmp_path / "mine.npz")
    assert "mine.npz: arrays that aren't used: weights\n" in capsys.readouterr().err


def test_a_column_of_whole_numbers_counts_up(workspace: Path, tmp_path: Path) -> None:
    rows = [f"{number / 7},{number % 26}" for number in range(COUNT)]
    (tmp_path / "mine.csv").write_text("\n".join(["a,letter", *rows]) + "\n")
    spec = normalized(workspace, tmp_path / "mine.csv", validation_split=0.0)
    assert spec.targets["y"].classes == [str(each) for each in range(26)]


def test_a_longer_label_in_the_test_split_is_not_cut_off(workspace: Path, tmp_path: Path) -> None:
    y = np.array(["a", "b"])[CYCLE % 2]
    test = {"x_test": np.eye(60)[:1], "y_test": np.array(["apple"])}
    np.savez(tmp_path / "mine.npz", x_train=np.eye(60), y_train=y, **test)
    with pytest.raises(DataError, match="test example 0: label is 'apple', expected one of a, b"):
        normalized(workspace, tmp_path / "mine.npz", validation_split=0.0)
