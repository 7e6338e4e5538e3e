"""The database of `make up`'s Prefect server is made as a whole."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.servers import prefect_database


def test_an_incomplete_database_is_set_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "prefect" / "prefect.db"
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as opened:  # a server that was killed in its first second
        opened.execute("CREATE TABLE alembic_version (version_num VARCHAR(32))")
    prefect_database.ensure(file)
    with closing(sqlite3.connect(file)) as opened:
        assert opened.execute("SELECT version_num FROM alembic_version").fetchall()
        assert opened.execute("SELECT count(*) FROM flow_run").fetchall() == [(0,)]
    line = f"{file}: incomplete, kept as prefect.db.incomplete-1; a new one is made\n"
    assert capsys.readouterr().err == line
