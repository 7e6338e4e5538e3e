"""Windows of a long table: series of rows, which cross neither a split nor a group."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.data.spec import Examples, Spec, load_examples
from lockstep.errors import DataError, LockstepError, ParamsError
from tests.data.test_user_files import normalized
from tests.support.workspaces import with_values

COUNT = 60
Cut = Callable[..., tuple[Spec, dict[str, Examples]]]


@pytest.fixture
def cut(workspace: Path, tmp_path: Path) -> Cut:
    """Normalizes a CSV of rows, in which `value` counts the hours; returns spec.json and splits."""

    def make(rows: dict[str, list[Any]] | None = None, **changes: Any) -> Any:
        cells = {"hour": [*range(COUNT)], "value": [hour / 2 for hour in range(COUNT)]}
        cells |= rows or {}
        lines = [",".join(cells), *(",".join(map(str, row)) for row in zip(*cells.values()))]  # noqa: B905
        (tmp_path / "mine.csv").write_text("\n".join(lines) + "\n")
        plain = {"window": 4, "time": "hour", "target": "value", "validation_split": 0.25}
        spec = normalized(workspace, tmp_path / "mine.csv", **(plain | changes))
        return spec, {name: load_examples(workspace, name) for name in spec.splits}

    return make


def hours(examples: Examples) -> list[list[float]]:
    """The hours of each window's rows and of its target."""
    x, y = np.asarray(examples.x), np.asarray(examples.y)
    return np.column_stack([x[:, :, -1] * 2, y * 2]).tolist()


def test_a_window_is_rows_that_follow_and_a_later_target(cut: Cut) -> None:
    spec, splits = cut(horizon=3, test_split=0.5)
    assert (spec.inputs["x"].kind, spec.inputs["x"].shape) == ("series", [4, 1])
    expected = [[n, n + 1, n + 2, n + 3, n + 6] for n in range(30, 54)]
    assert hours(splits["test"]) == expected


def test_windows_lie_in_one_split(cut: Cut, capsys: pytest.CaptureFixture[str]) -> None:
    spec, splits = cut(test_split=0.2)  # 36, 12 and 12 rows
    assert spec.splits == {"train": 32, "validation": 8, "test": 8}
    ranges = [(min(map(min, found)), max(map(max, found))) for found in map(hours, splits.values())]
    assert ranges == [(0, 35), (36, 47), (48, 59)]
    assert "8 of 56 windows lie in two splits, and are left out\n" in capsys.readouterr().err


def test_windows_start_at_every_nth_row_of_the_table(cut: Cut) -> None:
    _, splits = cut(stride=5, test_split=0.5)
    assert [found[0] for found in hours(splits["test"])] == [30, 35, 40, 45, 50, 55]


def test_rows_are_taken_in_the_order_of_time(cut: Cut) -> None:
    _, splits = cut(test_split=0.2)
    mixed = np.random.default_rng(0).permutation(COUNT)
    rows = {"hour": mixed.tolist(), "value": (mixed / 2).tolist()}
    _, found = cut(rows, test_split=0.2)
    assert [hours(each) for each in found.values()] == [hours(each) for each in splits.values()]


def of_stations(count: int = 6) -> dict[str, list[Any]]:
    """Rows of stations, one after the other in each hour; `value` tells both apart."""
    rows = [(hour, station) for hour in range(20) for station in range(count)]
    return {
        "hour": [hour for hour, _ in rows],
        "value": [station * 100 + hour / 2 for hour, station in rows],
        "station": [f"station {station}" for _, station in rows],
    }


@pytest.mark.parametrize(
    ("split_by", "sizes", "stations"),
    [("time", [12, 4, 4], [6, 6, 6]), ("group", [20, 20, 20], [4, 1, 1])],
)
def test_windows_lie_in_one_group(
    cut: Cut, split_by: str, sizes: list[int], stations: list[int]
) -> None:
    _, splits = cut(of_stations(), window=2, group="station", split_by=split_by, test_split=0.2)
    found = {name: np.asarray(each.x)[:, :, -1] for name, each in splits.items()}
    for x in found.values():
        assert (x[:, 0] // 100 == x[:, 1] // 100).all()
        assert (np.diff(x, axis=1) == 0.5).all()
    counts = [len(np.unique(x // 100)) for x in found.values()]
    assert counts == stations
    assert [len(x) // n for x, n in zip(found.values(), counts, strict=True)] == [
        size - 2 for size in sizes
    ]


def test_a_target_in_the_last_row_is_no_input(cut: Cut) -> None:
    rows = {
        "x": [hour * 1.5 for hour in range(COUNT)],
        "label": ["ab"[n % 2] for n in range(COUNT)],
    }
    spec, splits = cut(rows, horizon=0, target="label", columns={"value": "drop"})
    assert list(spec.inputs["x"].columns) == ["x"]
    last = np.asarray(splits["train"].x)[:, -1, 0] / 1.5
    np.testing.assert_array_equal(splits["train"].y, last % 2)


def test_the_past_of_a_class_is_a_category(cut: Cut) -> None:
    rows = {"label": ["abc"[n % 3] for n in range(COUNT)]}
    spec, splits = cut(rows, target="label")
    assert spec.inputs["x"].columns["label"].categories == ["", "a", "b", "c"]
    assert spec.input_shape == (4, 1 + 4)
    x, y = np.asarray(splits["train"].x), np.asarray(splits["train"].y)
    np.testing.assert_array_equal(x[:, -1, 1] % 3, y)  # the next letter has the next number


def test_a_test_file_has_windows_of_its_own(workspace: Path, tmp_path: Path) -> None:
    for name, first, last in (("train", 0, 40), ("test", 40, 60)):
        rows = [f"{hour},{hour / 2}" for hour in range(first, last)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["hour,value", *rows]))
    changes = {"window": 4, "time": "hour", "stride": 2, "validation_split": 0.25}
    spec = normalized(workspace, tmp_path, name="csv", **changes)
    assert spec.splits == {"train": 13, "validation": 3, "test": 8}
    assert hours(load_examples(workspace, "test"))[:2] == [
        [40, 41, 42, 43, 44],
        [42, *range(43, 47)],
    ]


@pytest.mark.system
def test_windows_are_those_that_keras_cuts(cut: Cut) -> None:
    from keras.utils import timeseries_dataset_from_array

    _, splits = cut(horizon=3, stride=2, test_split=0.5, validation_split=0.0)
    values = np.arange(30)[:, None] / 2
    batches = timeseries_dataset_from_array(
        values, values[4 - 1 + 3 :, 0], sequence_length=4, sequence_stride=2, batch_size=100
    )
    ((x, y),) = batches.as_numpy_iterator()
    np.testing.assert_array_equal(splits["train"].x, x)
    np.testing.assert_array_equal(splits["train"].y, y)


def test_statistics_are_of_the_training_rows(cut: Cut) -> None:
    statistics = cut(test_split=0.5)[0].inputs["x"].statistics
    assert (statistics["minimum"], statistics["maximum"]) == ([0.0], [10.5])


def test_the_weight_of_a_window_is_that_of_its_target(cut: Cut) -> None:
    _, splits = cut({"w": [hour + 1 for hour in range(COUNT)]}, sample_weight="w")
    weights = np.asarray(splits["train"].sample_weight)
    np.testing.assert_array_equal(weights, np.array(hours(splits["train"]))[:, -1] + 1)


def test_folds_by_time_are_cut_before_the_windows(cut: Cut) -> None:
    spec, splits = cut(folds=5, fold=2, validation_split=0.0)
    assert spec.splits == {"train": 16, "test": 6}
    assert hours(splits["test"])[0] == [20, 21, 22, 23, 24]


def test_uneven_steps_are_counted(cut: Cut, capsys: pytest.CaptureFixture[str]) -> None:
    later = [hour + 5 * (hour > 7) + (hour > 20) for hour in range(COUNT)]
    later[40] = later[39]
    cut({"hour": later})
    said = capsys.readouterr().err
    assert "4 of 59 steps of hour between rows of the train split differ from the usual one" in said
    assert "1 rows of the train split have the same time as the one before; if they are" in said


@pytest.mark.parametrize(
    ("rows", "changes", "line"),
    [
        ({}, {"window": 20}, r"data\.window: the validation split has 12 rows and no window of 20"),
        ({}, {"horizon": 40}, r"data\.window: the train split has 36 rows and no window of 4 rows"),
        ({"note": ["a b"] * COUNT}, {"columns": {"note": "text"}}, "column 'note' is text, expec"),
        ({"hour": [*range(COUNT - 1), "soon"]}, {}, "row 61: column 'hour' is 'soon', expected a"),
        ({"b": [*range(COUNT - 1), ""]}, {}, "column 'b': 1 of 12 cells are missing: set normal"),
    ],
)
def test_rows_that_make_no_windows_are_refused(
    cut: Cut, rows: dict[str, list[Any]], changes: dict[str, Any], line: str
) -> None:
    with pytest.raises(DataError, match=line):
        cut(rows, **changes)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"window": 4, "name": "csv"}, "got window for csv and time null, expected data.name csv"),
        ({"window": 4, "name": "npz", "time": "t"}, "got window for npz and time t, expected data"),
        ({"stride": 2}, "got stride, horizon or split_by, expected window with them"),
        ({"window": 4, "name": "csv", "time": "t", "group": "g"}, "split_by null, expected both"),
        ({"window": 4, "name": "csv", "time": "t", "split_by": "time"}, "group null and split_by"),
        ({"window": 0}, "got 0, expected null, or a whole number of at least 1"),
    ],
)  # fmt: skip
def test_windows_that_the_parameters_cant_describe(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ParamsError, match=line):
        with_values({f"data.{name}": value for name, value in changes.items()})


def test_a_mistake_is_named_by_its_row_in_the_file(cut: Cut) -> None:
    backwards = {"hour": [*range(COUNT, 0, -1)], "value": [*range(59), "inf"]}
    with pytest.raises(LockstepError, match=r"mine\.csv: row 61: "):
        cut(backwards)
