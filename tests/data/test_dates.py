"""ISO dates with and without a zone: inferred, stored and served alike."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from lockstep.data.columns.dates import convert_dates, convert_part
from lockstep.data.spec import Spec, load_examples
from lockstep.errors import LockstepError
from tests.data.test_user_files import normalized

COUNT = 60
START = datetime(2024, 1, 1, 10, tzinfo=UTC)
ZONES = (UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=3, minutes=30)))
Table = Callable[..., tuple[Spec, np.ndarray]]


@pytest.fixture
def table(workspace: Path, tmp_path: Path) -> Table:
    """Normalizes a CSV of a column `a` with these cells, and a numeric target."""

    def make(cell: Callable[[int], str], **changes: Any) -> tuple[Spec, np.ndarray]:
        path = tmp_path / "mine.csv"
        rows = "".join(f"{cell(number)},{number / 7}\n" for number in range(COUNT))
        path.write_text(f"a,y\n{rows}")
        spec = normalized(workspace, path, name="csv", validation_split=0.0, **changes)
        return spec, np.asarray(load_examples(workspace, "train").x)

    return make


def moment(number: int) -> datetime:
    return START + timedelta(hours=7 * number)


WRITTEN: dict[str, Callable[[int], str]] = {
    "Z": lambda n: f"{moment(n):%Y-%m-%dT%H:%M:%SZ}",
    "offset": lambda n: moment(n).astimezone(ZONES[n % 3]).isoformat(),
    "blank": lambda n: f"{moment(n):%Y-%m-%d %H:%M:%S UTC}",
    "blank before the offset": lambda n: f"{moment(n):%Y-%m-%d %H:%M +0000}",
    "hours": lambda n: f"{moment(n):%Y-%m-%dT%H+00}",
    "nanoseconds": lambda n: f"{moment(n):%Y-%m-%dT%H:%M:%S.000000000Z}",
    "none": lambda n: f"{moment(n):%Y-%m-%dT%H:%M:%S.000000000}",
}


@pytest.mark.parametrize("cell", WRITTEN.values(), ids=WRITTEN)
def test_a_moment_is_the_same_however_it_is_written(table: Table, cell: Any) -> None:
    spec, x = table(cell, test_split=0.01)
    column = spec.inputs["x"].columns["a"]
    assert (column.kind, column.origin) == ("date", 19723.0)
    expected = [(moment(n).timestamp() / 86_400) - 19723 for n in range(COUNT)]
    assert set(x[:, 0]) <= set(np.float32(expected))


@pytest.mark.parametrize("columns", [{}, {"a": "date"}, {"a": ["date", "hour"]}])
def test_dates_with_and_without_a_zone_are_refused(table: Table, columns: dict[str, Any]) -> None:
    line = r"row 9: column 'a' is '2024-01-03 11:00': some dates have a zone and others none: write"

    def cell(number: int) -> str:
        return f"{moment(number):%Y-%m-%d %H:%M}{'' if number == 7 else 'Z'}"

    with pytest.raises(LockstepError, match=line):
        table(cell, columns=columns)
    spec, _ = table(cell, columns={"a": "category"})
    assert spec.inputs["x"].columns["a"].kind == "category"


def test_a_day_that_does_not_exist_is_named(table: Table) -> None:
    with pytest.raises(LockstepError, match="row 9: column 'a' is '2024-02-30Z', expected a date"):
        table(lambda n: "2024-02-30Z" if n == 7 else "2024-02-03T10:00Z", columns={"a": "date"})


def test_times_with_a_zone_draw_splits(table: Table) -> None:
    _, x = table(WRITTEN["offset"], time="a", columns={"a": "date"})
    assert x[:, 0].max() == np.float32(moment(COUNT - 13).timestamp() / 86_400 - 19723)
    with pytest.raises(LockstepError, match="some dates have a zone and others none"):
        table(lambda n: f"{moment(n):%Y-%m-%d %H:%M}{'' if n == 7 else 'Z'}", time="a")


def test_zones_of_one_split_only_are_refused(workspace: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for split, zone in (("train", ""), ("test", "Z")):
        rows = "".join(f"{moment(n):%Y-%m-%dT%H:%M}{zone},{n / 7}\n" for n in range(COUNT))
        (folder / f"{split}.csv").write_text(f"a,y\n{rows}")
    with pytest.raises(LockstepError, match="column 'a': some dates have a zone and others none"):
        normalized(workspace, folder, name="csv")


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_timestamps_of_parquet_keep_their_moment(
    workspace: Path, tmp_path: Path, unit: str, zone: str | None
) -> None:
    moments = pa.array([int(moment(n).timestamp()) for n in range(COUNT)], pa.int64())
    days = moments.cast(pa.timestamp("s")).cast(pa.timestamp(unit))
    if zone:
        days = days.cast(pa.timestamp(unit, zone))
    pa.parquet.write_table(
        pa.table({"a": days, "y": np.arange(COUNT) / 7}), tmp_path / "mine.parquet"
    )
    spec = normalized(workspace, tmp_path / "mine.parquet", name="table", test_split=0.01)
    x = np.asarray(load_examples(workspace, "train").x)
    assert spec.inputs["x"].columns["a"].origin == 19723
    expected = [moment(n).timestamp() / 86_400 - 19723 for n in range(COUNT)]
    assert set(x[:, 0]) <= set(np.float32(expected))


SERVED = [
    "2024-02-29", "2024-01-01T10", "2000-12-31 23:30", "1899-02-27T23:59:59.25",
    "1600-01-01 00:00:00.123456789", "9999-12-31 23:59:59.999999", "0001-01-01",
]  # fmt: skip
WITH_ZONE = [
    "2024-02-29T23:30Z", "2024-03-01T00:30+02:00", "2023-12-31 22:15:07.5-0330",
    "1969-12-31 23:00:00 UTC", "2024-01-01 00:00:00 +14", "2024-01-01T00:00:00.123456789+00:30",
]  # fmt: skip


@pytest.mark.parametrize("texts", [SERVED, WITH_ZONE], ids=["without", "with a zone"])
def test_days_and_parts_are_served_as_stored(tensorflow: Any, texts: list[str]) -> None:
    from lockstep.modeling.dates import date_part, days

    cells, served = pa.chunked_array([[*texts, None]]), tensorflow.constant([*texts, "soon"])
    np.testing.assert_array_equal(days(served).numpy(), convert_dates(cells).numbers)
    for part in ("weekday", "month", "hour"):
        found = np.nan_to_num(date_part(served, part).numpy(), nan=-1)
        np.testing.assert_array_equal(found, convert_part(cells, part).numbers)
