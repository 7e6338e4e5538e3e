"""Cross-validation: data.folds cuts the training data into parts, data.fold is the test split."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.data.folds import folds_by_group, folds_by_time
from lockstep.data.readers.raw_data import SplitKeys
from lockstep.data.spec import Examples, Target, read_spec
from lockstep.data.splits import draw_splits
from lockstep.errors import DataError, LockstepError, ParamsError
from tasks import datasets, download, normalize
from tests.support.workspaces import change_params, with_values

COUNT, FOLDS = 100, 4
LABELS = np.array(["common"] * 88 + ["rare"] * 12)
OWN = {"data.name": "npz", "data.path": "mine.npz"}


def cut(y: np.ndarray = LABELS, folds: int = FOLDS, seed: int = 0, **more: Any) -> list[Any]:
    """The numbers of the examples in each split, for each fold in turn."""
    keys = SplitKeys(more.pop("patients", None), more.pop("times", None))
    names = np.unique(y).tolist() if y.dtype.kind == "U" else []
    stored = np.unique(y, return_inverse=True)[1] if names else y
    target = Target("classification" if names else "regression", names)
    train = Examples(np.arange(len(y)), stored)
    found = []
    for fold in range(1, folds + 1):
        changes = {f"data.{name}": value for name, value in more.items()}
        data = with_values({**changes, **OWN, "data.folds": folds, "data.fold": fold}).data
        splits = draw_splits(
            {"train": train}, {"y": target}, data, seed, own=True, keys={"train": keys}
        ).splits
        found.append({name: np.asarray(each.x).tolist() for name, each in splits.items()})
    return found


def test_folds_are_disjoint_and_together_all_examples() -> None:
    folds = cut(validation_split=0.2)
    assert np.sort(np.concatenate([each["test"] for each in folds])).tolist() == [*range(COUNT)]
    for each in folds:
        assert {name: len(rows) for name, rows in each.items()} == {
            "train": 60, "validation": 15, "test": 25,
        }  # fmt: skip
        assert np.sort(np.concatenate([*each.values()])).tolist() == [*range(COUNT)]


def test_each_fold_has_its_share_of_each_class() -> None:
    assert [int((LABELS[each["test"]] == "rare").sum()) for each in cut()] == [3] * FOLDS


def test_without_stratification_folds_are_of_all_together() -> None:
    folds = cut(stratify=False)
    assert {int((LABELS[each["test"]] == "rare").sum()) for each in folds} != {3}
    assert [len(each["test"]) for each in folds] == [25] * FOLDS


def test_folds_are_the_same_for_every_seed() -> None:
    first, second = cut(), cut(seed=1)
    assert [each["test"] for each in first] == [each["test"] for each in second]
    assert first[0]["validation"] != second[0]["validation"]


def test_a_group_is_in_one_fold() -> None:
    folds = cut(patients=np.arange(COUNT) // 5, group="patient")
    groups = [{row // 5 for row in each["test"]} for each in folds]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert all(not groups[n] & {row // 5 for row in each["train"]} for n, each in enumerate(folds))


def test_folds_by_time_test_on_what_follows_the_training() -> None:
    folds = cut(np.arange(COUNT) / 7, times=np.arange(COUNT) * 3.0, time="when")
    tested = [each["test"] for each in folds]
    assert tested == [list(range(20 * n, 20 * n + 20)) for n in range(1, 5)]
    for n, each in enumerate(folds, 1):
        assert [*each["train"], *each["validation"]] == list(range(20 * n))


def test_a_test_split_of_the_data_is_set_aside(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = change_params(workspace, {"data.folds": 3, "data.fold": 2})
    download.download(params, workspace)
    normalize.normalize(params, workspace)
    line = "test: fold 2 of 3 of the training data; the data's own 360 test examples are set aside"
    assert line in capsys.readouterr().err
    assert sum(read_spec(workspace).splits.values()) == 1797 - 360


@pytest.mark.parametrize(
    ("y", "changes", "line"),
    [
        (["a"] * 50 + ["b"] * 3 + ["c"], {}, r"got 4, but there are fewer examples of b \(3\), c"),
        (
            ["a", "b"] * 8,
            {"group": "g", "patients": np.arange(16) % 3},
            "got 4 for 3 groups of data.gro",
        ),
        (
            ["a", "b"] * 8,
            {"time": "t", "times": np.arange(16) % 4},
            "for 4 different times .*most 3",
        ),
        ([1.5, 2.5, 1.25], {}, "got 4 for 3 examples, expected at most 3"),
    ],
)
def test_too_few_for_the_folds_is_said(y: list[Any], changes: dict[str, Any], line: str) -> None:
    with pytest.raises(DataError, match=rf"data\.folds: .*{line}"):
        cut(np.array(y), **changes)


@pytest.mark.parametrize(
    ("folds", "fold", "line"),
    [
        (5, 6, "data: got fold 6 and folds 5, expected a fold from 1 to the number of folds"),
        (None, 2, "data: got fold 2 and folds null, expected"),
        (1, 1, "data.folds: got 1, expected null, or a whole number of at least 2"),
        (5, "all", "data.fold: got 'all', expected a whole number of at least 1; with lockstep"),
    ],
)
def test_a_fold_that_there_is_not(folds: Any, fold: Any, line: str) -> None:
    with pytest.raises(ParamsError, match=line):
        with_values({"data.folds": folds, "data.fold": fold})


DROP = {"train.last_batch": "drop"}


@pytest.mark.parametrize(("fold", "time", "most"), [(1, None, 75), (1, "when", 20)])
def test_a_batch_larger_than_what_is_left_is_refused(
    workspace: Path, tmp_path: Path, fold: int, time: str | None, most: int
) -> None:
    np.savez(tmp_path / "mine.npz", x=np.arange(COUNT)[:, None], y=LABELS, when=np.arange(COUNT))
    own = {"data.name": "npz", "data.path": str(tmp_path / "mine.npz"), "data.time": time}
    folds = {"data.folds": FOLDS, "data.fold": fold, "data.validation_split": 0.0}
    params = change_params(workspace, {**own, **folds, "train.batch_size": 90, **DROP})
    with pytest.raises(LockstepError, match=f"expected at most the {most} examples of the train"):
        datasets.check_batch_size(params, workspace)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=3, max_size=80),
    st.integers(2, 6),
)
def test_any_groups_and_times(rows: list[tuple[int, int]], folds: int) -> None:
    groups, y = np.array(rows).T
    distinct = len(set(groups.tolist()))
    if distinct >= folds:
        for labels in (y, None):
            found = folds_by_group(groups, folds, np.random.default_rng(0), labels)
            assert set(found.tolist()) == set(range(1, folds + 1))
            assert len(set(zip(groups.tolist(), found.tolist(), strict=True))) == distinct
    if distinct > folds:
        found = folds_by_time(groups, folds)
        assert set(found.tolist()) == set(range(folds + 1))
        assert (np.diff(found[np.argsort(groups, kind="stable")]) >= 0).all()
