"""The MLflow database appears complete or not at all, and an incomplete one is replaced."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from lockstep.errors import DataError
from lockstep.storage import layout, sqlite_files
from lockstep.tracking import database
from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY

PART = f".part-{layout.TRACKING_DATABASE}"
ENSURE = """
import pathlib, sys
from lockstep.tracking import database
database.ensure(pathlib.Path(sys.argv[1]))
"""


def start(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", ENSURE, str(root)], cwd=REPOSITORY)


def tables(file: Path) -> int:
    with closing(sqlite3.connect(file)) as opened:
        return len(opened.execute("SELECT name FROM sqlite_master").fetchall())


def complete(root: Path) -> bool:
    from mlflow import MlflowClient

    client = MlflowClient(database.uri_of(root / layout.TRACKING_DATABASE))
    return [each.name for each in client.search_experiments()] == ["Default"]


@pytest.mark.system
def test_a_kill_while_the_tables_are_made_leaves_no_database(tmp_path: Path) -> None:
    process = start(tmp_path)
    # In the middle: the first tables are there.
    until(lambda: (tmp_path / PART).exists() and tables(tmp_path / PART), 60, every=0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / layout.TRACKING_DATABASE).exists()
    together = [start(tmp_path) for _ in range(2)]
    assert [each.wait(60) for each in together] == [0, 0]
    assert complete(tmp_path)
    assert [each.name for each in tmp_path.iterdir() if "mlflow" in each.name] == ["mlflow.db"]


def test_an_incomplete_database_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sqlalchemy
    from mlflow.store.tracking.dbmodels.initial_models import Base

    file = tmp_path / layout.TRACKING_DATABASE
    # What a kill between MLflow's first tables and its migrations leaves.
    engine = sqlalchemy.create_engine(database.uri_of(file))
    Base.metadata.create_all(engine)
    engine.dispose()
    database.ensure(tmp_path)
    assert complete(tmp_path)
    line = f"{file}: incomplete, kept as mlflow.db.incomplete-1; a new one is made\n"
    assert capsys.readouterr().err == line
    assert tables(tmp_path / "mlflow.db.incomplete-1")
    database.ensure(tmp_path)
    assert capsys.readouterr().err == ""


def test_a_database_in_use_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "some.db"
    with closing(sqlite3.connect(file)) as opened:
        opened.execute("CREATE TABLE entries (x)")
        opened.execute("INSERT INTO entries VALUES (1)")
        opened.commit()
        opened.execute("BEGIN EXCLUSIVE")
        create = pytest.fail
        assert sqlite_files.ensure(file, "entries", create) is None


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    def create(part: Path) -> None:
        part.write_bytes(b"half")
        Path(f"{part}-journal").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "no space left")

    with pytest.raises(OSError, match="No space left"):
        sqlite_files.ensure(tmp_path / "some.db", "entries", create)
    assert not [each for each in tmp_path.iterdir() if "some.db" in each.name]


CONNECT = """
import pathlib, sys
from lockstep.process.environment import prepare_environment
prepare_environment(pathlib.Path.cwd())
from lockstep.tracking import client
print("ready", flush=True)
sys.stdin.readline()
print(client.connect(pathlib.Path(sys.argv[1]))[1].artifact_location)
"""


@pytest.mark.system
def test_processes_that_begin_at_once_make_the_tables_of_a_database_once(tmp_path: Path) -> None:
    uri = database.uri_of(tmp_path / "given.db")
    together = [
        subprocess.Popen(
            [sys.executable, "-c", CONNECT, str(tmp_path)], cwd=REPOSITORY,
            env={**os.environ, "MLFLOW_TRACKING_URI": uri}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]  # fmt: skip
    # They have imported MLflow already, and wait.
    for each in together:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    for each in together:
        assert each.stdin
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.communicate() for each in together]
    location = (tmp_path / layout.TRACKING_ARTIFACTS).as_uri()
    assert said == [(f"{location}\n", "")] * 4


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    from lockstep.tracking.client import connect

    file = Path(database.ensure(tmp_path).removeprefix("sqlite:///"))
    file.write_bytes(b"garbage" * 1000)
    with pytest.raises(DataError, match=r"mlflow\.db: file is not a database.*--rebuild"):
        connect(tmp_path)
