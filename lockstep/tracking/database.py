"""The databases that MLflow is used with where there is no server of MLflow's."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy

from lockstep.errors import DataError
from lockstep.process import console, file_locks
from lockstep.storage import layout, sqlite_files

SCHEMES = ("postgresql", "mysql", "mssql", "sqlite")  # of URIs, before a + and a driver
EXPERIMENTS = "experiments"  # a table in which MLflow adds a row after it has made all tables


def ensure(main: Path) -> str:
    """Create the main checkout's database unless there is one, and return its URI."""
    file = main / layout.TRACKING_DATABASE

    def create(part: Path) -> None:
        _make_tables(uri_of(part), main / layout.TRACKING_ARTIFACTS)

    with file_locks.held(main / layout.TRACKING_LOCK):
        aside = sqlite_files.ensure(file, EXPERIMENTS, create)
    if aside:
        console.say(f"{file}: incomplete, kept as {aside.name}; a new one is made")
    return uri_of(file)


@contextmanager
def damage_told(main: Path) -> Iterator[None]:
    """Raise DataError if the main checkout's database turns out to be damaged in the block."""
    try:
        yield
    except sqlalchemy.exc.DatabaseError as error:
        if type(error) is not sqlalchemy.exc.DatabaseError:  # such as one that is locked
            raise
        raise DataError(
            f"{main / layout.TRACKING_DATABASE}: {error.orig}, expected MLflow's database; move it "
            "away, and `lockstep sync --rebuild` makes another"
        ) from None


def uri_in(main: Path) -> str:
    """Return the tracking URI of a main checkout's own database."""
    return uri_of(main / layout.TRACKING_DATABASE)


def uri_of(file: Path) -> str:
    """Return the tracking URI of a database file."""
    return f"sqlite:///{file}"


def is_database(uri: str) -> bool:
    """Return whether a tracking URI names a database instead of a server of MLflow's."""
    return urlsplit(uri).scheme.partition("+")[0] in SCHEMES


def ensure_tables(main: Path, uri: str) -> None:
    """Make MLflow's tables in an empty database.

    MLflow makes them without a lock: of ten processes that began at once on PostgreSQL, nine
    failed with UniqueViolation, and again when they ended. Other machines aren't kept out.
    """
    if _is_complete(uri):
        return
    with file_locks.held(main / layout.TRACKING_LOCK):
        if not _is_complete(uri):
            _make_tables(uri, main / layout.TRACKING_ARTIFACTS)


def _is_complete(uri: str) -> bool:
    """Return whether there are experiments, or the database can't be opened, as MLflow will say."""
    try:
        engine = sqlalchemy.create_engine(uri)
        try:
            with engine.connect() as connection:
                there = sqlalchemy.inspect(connection).has_table(EXPERIMENTS)
                query = sqlalchemy.text(f"SELECT count(*) FROM {EXPERIMENTS}")  # noqa: S608
                return bool(there and connection.execute(query).scalar())
        finally:
            engine.dispose()
    except (sqlalchemy.exc.SQLAlchemyError, ImportError):
        return True


def _make_tables(uri: str, artifacts: Path) -> None:
    # Imported here because it takes seconds, and the database is made once.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # two lines about the tables
    # It makes the tables of runs and registry, and the experiment that MLflow has by default.
    SqlAlchemyStore(uri, artifacts.as_uri()).engine.dispose()
