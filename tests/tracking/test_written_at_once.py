"""What two processes write to MLflow at once is written, though MLflow refuses one of them."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import UnavailableError
from lockstep.storage import atomic_files, layout
from lockstep.tracking import database
from lockstep.tracking.recorder import Recorder
from tests.support.workspaces import load


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    """A workspace with results, and a new database."""
    root = Path(shutil.copytree(recorded, tmp_path / "lockstep"))
    for file in root.glob(f"{layout.TRACKING_DATABASE}*"):
        file.unlink()
    database.ensure(root)
    atomic_files.write_json(root / layout.SPEC, {"splits": {"train": 3, "test": 1}})
    return root


@contextmanager
def first(table: str, file: Path) -> Iterator[list[str]]:
    """Write the first row that MLflow inserts into a table before it does, as another process."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    written: list[str] = []

    def before(connection: Any, cursor: Any, sql: str, values: Any, *others: Any) -> None:
        if sql.startswith(f"INSERT INTO {table}") and not written:
            written.append(sql)
            with closing(sqlite3.connect(file)) as another:
                rows = values if isinstance(values, list) else [values]
                another.executemany(sql, rows)
                another.commit()

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield written
    finally:
        event.remove(Engine, "before_cursor_execute", before)


def test_an_experiments_tag(root: Path) -> None:
    from lockstep.tracking.client import KIND, MODEL_TRAINING, connect

    with first("experiment_tags", root / layout.TRACKING_DATABASE) as written:
        client, experiment = connect(root)
    assert written
    assert client.get_experiment(experiment.experiment_id).tags[KIND] == MODEL_TRAINING


def test_the_data_set_of_two_runs(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder(load(root), root, "evaluate", {})
    client, run = recorder.reach()
    with first("datasets", root / layout.TRACKING_DATABASE) as written:
        recorder.end("FAILED")
    assert written
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert {each.dataset.name for each in inputs} >= {"digits", "digits train", "digits test"}
    assert capsys.readouterr().err == ""


def test_a_conflict_that_stays_is_no_refused_value(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it is to try again, and not to look for another value."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import BAD_REQUEST

    def conflict(*arguments: object, **named: object) -> None:
        raise MlflowException("(sqlite3.IntegrityError) UNIQUE constraint failed", BAD_REQUEST)

    monkeypatch.setattr(MlflowClient, "create_run", conflict)
    with pytest.raises(UnavailableError, match="IntegrityError"):
        Recorder(load(root), root, "evaluate", {}).reach()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(sqlite3.IntegrityError) UNIQUE constraint failed: datasets.name", True),
        (
            "(psycopg2.errors.UniqueViolation) duplicate key value violates unique constraint",
            True,
        ),
        ("(pymysql.err.IntegrityError) (1062, \"Duplicate entry 'a' for key 'PRIMARY'\")", True),
        ("(sqlite3.IntegrityError) FOREIGN KEY constraint failed", False),
        ("Invalid value 'duplicate' for parameter 'name'", False),
    ],
)
def test_what_a_driver_says(text: str, expected: bool) -> None:
    from lockstep.tracking.client import is_conflict

    assert is_conflict(ValueError(text)) == expected
