"""The registered model and `lockstep predict` cut a table's windows as the training did."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lockstep.errors import DataError
from lockstep.serving.export import export_model
from lockstep.serving.predict import predict_file
from tests.support.workspaces import SMALL, champion, load, run_stages

pytestmark = pytest.mark.system
HOURS, WINDOW, HORIZON = 60, 5, 2
STATIONS = ("north", "south")
TESTED = range(48, HOURS)  # the last fifth, in which windows for testing lie


def line(number: int) -> str:
    """A row of one of two stations, which alternate; the file begins with the latest hour."""
    hour, station = HOURS - 1 - number // 2, number % 2
    sky = ("clear", "cloudy", "")[(hour + station) % 3]
    wind = "" if hour % 7 == 3 else hour % 5 / 2
    return (
        f"2024-03-{1 + hour // 24:02} {hour % 24:02}:00,{STATIONS[station]},{sky},{wind},{hour / 3}"
    )


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, make_workspace: Callable[..., Path], tensorflow: Any
) -> tuple[Path, Path]:
    path = tmp_path_factory.mktemp("own") / "weather.csv"
    path.write_text("\n".join(["when,station,sky,wind,degrees", *map(line, range(2 * HOURS))]))
    root = make_workspace(
        {
            **SMALL,
            "model.name": "gru",
            "data.name": "csv",
            "data.path": str(path),
            "data.columns": {"when": ["date", "hour"], "wind": "number"},
            "data.time": "when",
            "data.group": "station",
            "data.split_by": "time",
            "data.validation_split": 0.25,
            "data.window": WINDOW,
            "data.horizon": HORIZON,
            "normalize.missing": "mean",
            "normalize.missing_indicator": True,
            "register.metric": "r2",
            "register.threshold": None,
            "train.epochs": 1,
            "train.batch_size": 8,
        }
    )
    run_stages(root)
    return root, path


def predicted(root: Path, path: Path) -> dict[int, float]:
    """The value by the number of the window's last row, counted from 1 with the header."""
    rows = csv.DictReader(io.StringIO(predict_file(load(root), root, "best", path, None)))
    return {int(row["input"]): float(row["value"]) for row in rows}


def test_evaluation_and_predictions_from_the_file_are_equal(trained: tuple[Path, Path]) -> None:
    root, path = trained
    found = predicted(root, path)
    assert len(found) == 2 * (HOURS - WINDOW + 1)  # also those whose target is still to come
    hours = [hour for hour in TESTED if hour - WINDOW + 1 >= TESTED[0] and hour + HORIZON < HOURS]
    numbers = [2 * (HOURS - 1 - hour) + station + 2 for station in (0, 1) for hour in hours]
    expected = np.load(root / "report" / "outputs.npy").ravel()
    np.testing.assert_allclose([found[each] for each in numbers], expected, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"dtype": str}, {"parse_dates": ["when"]}])
def test_the_registered_model_takes_what_pandas_reads(
    trained: tuple[Path, Path], options: dict[str, Any]
) -> None:
    root, path = trained
    served = champion(root).predict(pd.read_csv(path, **options))
    np.testing.assert_allclose(np.ravel(served), [*predicted(root, path).values()], atol=1e-5)


def test_the_rows_of_one_window_are_one_prediction(trained: tuple[Path, Path]) -> None:
    root, path = trained
    rows = pd.read_csv(path).query("station == 'south'").sort_values("when")[:WINDOW]
    served = champion(root).predict(rows.drop(columns="station"))
    number = int(rows.index[-1]) + 2
    np.testing.assert_allclose(np.ravel(served), [predicted(root, path)[number]], atol=1e-5)


@pytest.mark.parametrize("kind", ["keras", "savedmodel"])
def test_an_export_takes_the_same_file(
    trained: tuple[Path, Path], tmp_path: Path, kind: str
) -> None:
    root, path = trained
    exported, _ = export_model(load(root), root, "best", kind, tmp_path / f"mine.{kind}")
    rows = csv.DictReader(io.StringIO(predict_file(load(root), root, str(exported), path, None)))
    found = [float(row["value"]) for row in rows]
    np.testing.assert_allclose(found, [*predicted(root, path).values()], atol=1e-5)


def test_too_few_rows_are_refused(trained: tuple[Path, Path], tmp_path: Path) -> None:
    root, path = trained
    short = tmp_path / "short.csv"
    short.write_text("\n".join(path.read_text().splitlines()[:9]))
    with pytest.raises(DataError, match=r"short\.csv: 8 rows, expected 5 in a row of one group"):
        predicted(root, short)
