"""The test and validation splits that are drawn from the user's own data."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.data.spec import load_examples
from lockstep.data.strata import draw_by_class
from lockstep.errors import DataError, ParamsError
from tests.data.test_user_files import normalized

COMMON, RARE = 90, 10
LABELS = np.array(["common"] * COMMON + ["rare"] * RARE)


def save(folder: Path, y: np.ndarray, **more: np.ndarray) -> Path:
    """An .npz whose x is each example's number."""
    np.savez(folder / "mine.npz", x=np.arange(len(y))[:, None], y=y, **more)
    return folder / "mine.npz"


def examples_in(root: Path, split: str) -> set[int]:
    return set(np.asarray(load_examples(root, split).x)[:, 0].tolist())


def test_each_split_has_its_share_of_each_class(workspace: Path, tmp_path: Path) -> None:
    normalized(workspace, save(tmp_path, LABELS), test_split=0.2, validation_split=0.25)
    names = ("train", "validation", "test")
    y = {name: np.asarray(load_examples(workspace, name).y) for name in names}
    counts = {name: (len(each), int(each.sum())) for name, each in y.items()}
    assert counts == {"train": (60, 6), "validation": (20, 2), "test": (20, 2)}
    found = [examples_in(workspace, name) for name in y]
    assert set.union(*found) == set(range(100))


def test_the_test_split_is_the_same_for_every_seed(workspace: Path, tmp_path: Path) -> None:
    from tests.support.workspaces import change_params

    path, found = save(tmp_path, LABELS), []
    for seed in (0, 1):
        change_params(workspace, {"seed": seed})
        normalized(workspace, path)
        found.append([examples_in(workspace, name) for name in ("test", "validation")])
    assert found[0][0] == found[1][0]
    assert found[0][1] != found[1][1]


def test_numbers_are_drawn_without_classes(workspace: Path, tmp_path: Path) -> None:
    spec = normalized(workspace, save(tmp_path, np.arange(100) / 7), test_split=0.3)
    assert spec.splits == {"train": 63, "validation": 7, "test": 30}
    with pytest.raises(ParamsError, match=r"data\.stratify: got true for regression, expected"):
        normalized(workspace, tmp_path / "mine.npz", stratify=True)


def test_a_class_in_too_few_examples_is_told_with_its_count(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    y = np.array(["a"] * 50 + ["b"] * 48 + ["c"] * 2)
    normalized(workspace, save(tmp_path, y))
    line = "too few examples of a class for the validation split, which has none of: c (2)\n"
    assert line in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stratify", "shares"), [(False, {0, 1, 3, 4, 5}), (True, {2}), ("auto", {2})]
)
def test_stratification_can_be_switched_off(
    workspace: Path, tmp_path: Path, stratify: Any, shares: set[int]
) -> None:
    normalized(workspace, save(tmp_path, LABELS), stratify=stratify)
    assert int(np.asarray(load_examples(workspace, "test").y).sum()) in shares


def test_published_data_sets_keep_their_validation_split(workspace: Path) -> None:
    from tasks import download, normalize
    from tests.support.workspaces import change_params

    stored = []
    for stratify in ("auto", False, True):
        params = change_params(workspace, {"data.stratify": stratify})
        download.download(params, workspace)
        normalize.normalize(params, workspace)
        stored.append((workspace / "data" / "ready" / "validation_y.npy").read_bytes())
    assert stored[0] == stored[1] != stored[2]


def test_examples_in_both_splits_are_counted(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = np.arange(50)[:, None], np.arange(50) % 2
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[47:] + 1, y_test=y[47:])
    normalized(workspace, tmp_path / "mine.npz", validation_split=0.0)
    line = "2 of 3 test examples are in the training split too\n"
    assert line in capsys.readouterr().err


def test_a_share_without_examples_is_refused(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data\.test_split: 0\.04 of 10 examples leaves the test"):
        normalized(workspace, save(tmp_path, np.arange(10) % 2), test_split=0.04)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=60), st.floats(0.01, 0.99))
def test_any_share_of_any_classes(labels: list[int], share: float) -> None:
    y = np.array(labels)
    count = round(len(y) * share)
    chosen = draw_by_class(y, count, np.random.default_rng(0))
    assert chosen.sum() == count
    for each in np.unique(y):
        size, taken = int((y == each).sum()), int(chosen[y == each].sum())
        assert abs(taken - size * count / len(y)) < 2 or size > 5
