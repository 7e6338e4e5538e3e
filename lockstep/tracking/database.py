"""The MLflow database file of a checkout, which is used when there is no server."""

import logging
from pathlib import Path

from lockstep.process import console
from lockstep.storage import layout, sqlite_files


def ensure(main: Path) -> str:
    """Create the main checkout's database unless there is one, and return its URI."""
    file = main / layout.TRACKING_DATABASE

    def create(part: Path) -> None:
        _create(part, main / layout.TRACKING_ARTIFACTS)

    aside = sqlite_files.ensure(file, main / layout.TRACKING_LOCK, "experiments", create)
    if aside:
        console.say(f"{file}: incomplete, kept as {aside.name}; a new one is made")
    return uri_of(file)


def uri_of(file: Path) -> str:
    """Return the tracking URI of a database file."""
    return f"sqlite:///{file}"


def _create(file: Path, artifacts: Path) -> None:
    # Imported here because it takes seconds, and the database is made once.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # two lines about the tables
    # It makes the tables of runs and registry, and the experiment that MLflow has by default.
    SqlAlchemyStore(uri_of(file), artifacts.as_uri()).engine.dispose()
