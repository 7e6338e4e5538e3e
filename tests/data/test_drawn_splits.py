"""Splits by group and by time, weights of examples, and several targets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.data.spec import Examples, Spec, load_examples
from lockstep.data.strata import draw_groups, last_by_time
from lockstep.errors import DataError, LockstepError, ParamsError
from tests.data.test_user_files import normalized

NAMES = ("train", "validation", "test")


@pytest.fixture
def table(workspace: Path, tmp_path: Path) -> Callable[..., tuple[Spec, dict[str, Examples]]]:
    """Normalizes a CSV of columns; returns spec.json and the splits."""

    def make(cells: dict[str, list[Any]], **changes: Any) -> Any:
        lines = [",".join(cells), *(",".join(map(str, row)) for row in zip(*cells.values()))]  # noqa: B905
        (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
        spec = normalized(workspace, tmp_path / "mine.csv", **{"validation_split": 0.25} | changes)
        return spec, {name: load_examples(workspace, name) for name in spec.splits}

    return make


def columns(count: int = 120, **more: list[Any]) -> dict[str, list[Any]]:
    numbers = [number * 1.5 for number in range(count)]
    return {"a": numbers, **more, "y": ["yes" if n % 4 else "no" for n in range(count)]}


def rows_in(examples: Examples) -> set[int]:
    return {round(value / 1.5) for value in np.asarray(examples.x)[:, 0].tolist()}


def test_a_group_is_in_one_split_only(table: Any) -> None:
    patients = [f"patient {number // 6}" for number in range(120)]
    spec, splits = table(columns(patient=patients), group="patient")
    found = {name: {row // 6 for row in rows_in(each)} for name, each in splits.items()}
    assert sum(map(len, found.values())) == len(set.union(*found.values())) == 20
    assert spec.splits == {"train": 72, "validation": 24, "test": 24}
    assert list(spec.inputs["x"].columns) == ["a"]  # the patient is no input


def test_groups_keep_the_share_of_each_class(table: Any) -> None:
    data = columns(200, patient=[number % 40 for number in range(200)])
    data["y"] = ["ill" if number % 40 < 8 else "well" for number in range(200)]
    _, splits = table(data, group="patient", test_split=0.25)
    assert np.bincount(np.asarray(splits["test"].y)).tolist() == [10, 40]


def test_the_last_share_of_time_is_for_testing(table: Any) -> None:
    days = [f"2024-{number % 12 + 1:02d}-{number // 12 + 1:02d}" for number in range(120)]
    spec, splits = table(columns(day=days), time="day")
    latest = [sorted(days[row] for row in rows_in(splits[name])) for name in NAMES]
    assert latest[0][-1] < latest[1][0] <= latest[1][-1] < latest[2][0]
    assert spec.splits == {"train": 72, "validation": 24, "test": 24}


def test_a_column_of_times_is_an_input_if_its_kind_is_given(table: Any) -> None:
    data = columns(second=[number * 7 % 120 for number in range(120)])
    spec, _ = table(data, time="second", columns={"second": "number"})
    assert list(spec.inputs["x"].columns) == ["a", "second"]


def test_a_column_of_weights_is_stored_with_each_split(table: Any) -> None:
    spec, splits = table(columns(w=[number % 5 for number in range(120)]), sample_weight="w")
    for each in splits.values():
        expected = [row % 5 for row in (np.asarray(each.x)[:, 0] / 1.5).round()]
        assert np.asarray(each.sample_weight).tolist() == expected
    assert list(spec.inputs["x"].columns) == ["a"]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("sample_weight", "the last that isn't data.sample_weight"),
        ("group", "the last that isn't data.group"),
        ("time", "the last that isn't data.time"),
        (None, "the last one"),
    ],
)
def test_the_default_target_is_the_last_column_of_no_other_role(
    table: Any, key: str | None, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last = {"last": [number // 2 for number in range(120)]} if key else {}
    _, splits = table(columns() | last, target=None, **({key: "last"} if key else {}))
    x, y = (np.asarray(each) for each in (splits["train"].x[:, 0], splits["train"].y))
    np.testing.assert_array_equal(y, (x / 1.5).round() % 4 > 0)
    line = f"the target is column 'y', {why}; data.target names another\n"
    assert line in capsys.readouterr().err


def test_a_table_of_weights_alone_has_no_target(table: Any) -> None:
    with pytest.raises(LockstepError, match=r"no column has a name beside data\.sample_weight"):
        table({"w": list(range(120)), "": [1] * 120}, target=None, sample_weight="w")


def test_several_targets_have_a_kind_each(table: Any) -> None:
    data = columns(price=[number / 7 for number in range(120)])
    spec, splits = table(data, target=["y", "price"])
    kinds = {name: (each.kind, each.classes) for name, each in spec.targets.items()}
    assert kinds == {"y": ("classification", ["no", "yes"]), "price": ("regression", [])}
    rows = (np.asarray(splits["test"].x)[:, 0] / 1.5).round()
    np.testing.assert_allclose(splits["test"].y["price"], rows / 7, rtol=1e-6)
    np.testing.assert_array_equal(splits["test"].y["y"], rows % 4 != 0)


def test_rows_without_one_of_the_targets_are_left_out(table: Any) -> None:
    data = columns(price=["" if number == 3 else number / 7 for number in range(120)])
    data["y"][5] = ""
    spec, _ = table(data, target=["y", "price"], drop_missing_targets=True)
    assert sum(spec.splits.values()) == 118


@pytest.mark.parametrize(
    ("more", "changes", "line"),
    [
        ({}, {"group": "b"}, r"data\.group: got 'b', expected one of a, y"),
        ({"w": [1] * 119 + [""]}, {"sample_weight": "w"}, "row 121: column 'w' is missing"),
        ({"w": [1] * 119 + [-1]}, {"sample_weight": "w"}, r"row 121: sample weight is -1\.0, expe"),
        ({"w": [1] * 119 + ["x"]}, {"sample_weight": "w"}, "row 121: column 'w' is 'x', expected"),
        ({"g": ["a", "", *"b" * 118]}, {"group": "g"}, "row 3: column 'g' is missing"),
        ({"g": ["a"] * 120}, {"group": "g"}, "data.group: all examples are of one group, 'a'"),
        ({"t": ["soon"] * 120}, {"time": "t"}, "column 't' is 'soon', expected a number or an ISO"),
        ({"t": [5] * 120}, {"time": "t"}, "data.time: all examples have the same time"),
        ({"t": [5] * 120}, {"time": "t", "stratify": True}, r"stratify: got true for data\.time"),
        ({"t": [5] * 120}, {"time": "t", "group": "a"}, "got group and time, expected one of them"),
        ({"x": [5] * 120}, {"target": ["x", "y"]}, "column 'x' becomes an array of its own"),
        ({"b": [1.5] * 119 + [2]}, {"target": ["y", "a"], "target_kind": {"c": "none"}}, "got 'c'"),
        ({}, {"target": "a", "sample_weight": "a"}, "got 'a' for two roles"),
    ],
)  # fmt: skip
def test_a_column_that_cant_be_that_is_said(
    table: Any, more: dict[str, Any], changes: dict[str, Any], line: str
) -> None:
    with pytest.raises(LockstepError, match=line):
        table(columns(**more), **changes)


def test_groups_weights_and_times_of_arrays(workspace: Path, tmp_path: Path) -> None:
    x = np.arange(60)[:, None]
    more = {"group": x[:, 0] // 4, "w": x[:, 0] / 7, "when": np.datetime64("2024-01-01") - x[:, 0]}
    np.savez(tmp_path / "mine.npz", x=x, y=x[:, 0] % 2, **more)
    normalized(workspace, tmp_path / "mine.npz", group="group", sample_weight="w")
    splits = {name: load_examples(workspace, name) for name in NAMES}
    groups = [set((np.asarray(each.x)[:, 0] // 4).tolist()) for each in splits.values()]
    assert sum(map(len, groups)) == 15
    np.testing.assert_allclose(splits["test"].sample_weight, splits["test"].x[:, 0] / 7, rtol=1e-6)
    normalized(workspace, tmp_path / "mine.npz", time="when", sample_weight=None, group=None)
    assert set(np.asarray(load_examples(workspace, "test").x)[:, 0].tolist()) == set(range(12))
    with pytest.raises(
        ParamsError, match=r"data\.group: got 'g' and no array 'g', expected one of"
    ):
        normalized(workspace, tmp_path / "mine.npz", group="g", time=None)


@pytest.mark.parametrize("suffix", ["val", "valid", "validation"])
def test_arrays_of_a_validation_split(workspace: Path, tmp_path: Path, suffix: str) -> None:
    x, y = np.arange(40)[:, None], np.arange(40) % 2
    arrays = {f"x_{suffix}": x[:7], f"y_{suffix}": y[:7], "X_train": x, "y_train": y}
    np.savez(tmp_path / "mine.npz", **arrays)
    spec = normalized(workspace, tmp_path / "mine.npz", test_split=0.25)
    assert spec.splits == {"train": 30, "validation": 7, "test": 10}


def test_the_row_of_an_unknown_label_beside_rows_without_one(
    workspace: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.csv").write_text("a,y\n" + "1.5,no\n2.5,yes\n" * 20)
    (folder / "test.csv").write_text("a,y\n1.5,\n2.5,yes\n1.5,perhaps\n")
    with pytest.raises(DataError, match=r"test\.csv: row 4: label .*perhaps"):
        normalized(workspace, folder, name="csv", drop_missing_targets=True)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), min_size=2, max_size=80),
    st.floats(0.05, 0.95),
)
def test_any_groups_and_times(rows: list[tuple[int, int]], share: float) -> None:
    groups, y = np.array(rows).T
    count = min(max(round(len(rows) * share), 1), len(rows) - 1)
    if len(set(groups.tolist())) > 1:
        for labels in (y, None):
            chosen = draw_groups(groups, count, np.random.default_rng(0), labels)
            assert 0 < chosen.sum() < len(rows)
            assert not set(groups[chosen].tolist()) & set(groups[~chosen].tolist())
        late = last_by_time(groups, count)
        assert groups[~late].max() < groups[late].min()


@pytest.mark.parametrize("name", ["validation", "val"])
def test_a_second_file_validates(workspace: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "train.csv").write_text("a,y\n" + "1.5,no\n2.5,yes\n" * 20)
    (folder / f"{name}.csv").write_text("a,y\n" + "3.5,no\n" * 7)
    spec = normalized(workspace, folder, name="csv", test_split=0.25)
    assert spec.splits == {"train": 30, "validation": 7, "test": 10}
    assert set(np.asarray(load_examples(workspace, "validation").x)[:, 0].tolist()) == {3.5}
    (folder / "more.csv").write_text("a,y\n1.5,no\n")
    with pytest.raises(DataError, match=r"3 files, expected one, or of train\.csv, validation"):
        normalized(workspace, folder, name="csv")
