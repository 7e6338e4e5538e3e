"""An empty Prefect database, created when the environment is installed, as migration is slow."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from lockstep.process import console
from lockstep.storage import sqlite_files

TEMPLATE = Path(sys.prefix, "share", "lockstep", f"prefect-{version('prefect')}.db")
URL = "PREFECT_API_DATABASE_CONNECTION_URL"


def url_of(file: Path) -> str:
    """Return the database URL of a file."""
    return f"sqlite+aiosqlite:///{file}"


def ensure(file: Path) -> None:
    """Create the database unless there is one; one without Prefect's version is set aside."""
    lock = file.with_name("database.lock")
    create = copy_template if TEMPLATE.exists() else _create
    aside = sqlite_files.ensure(file, lock, "alembic_version", create)
    if aside:
        console.say(f"{file}: incomplete, kept as {aside.name}; a new one is made")


def copy_template(file: Path) -> None:
    """Copy the template database, if there is one; otherwise the server creates its tables."""
    if TEMPLATE.exists():
        shutil.copyfile(TEMPLATE, file)


def make_template() -> None:
    """Let Prefect create its tables in a new file, and make that the template."""
    sqlite_files.ensure(TEMPLATE, TEMPLATE.with_suffix(".lock"), "alembic_version", _create)


def _create(file: Path) -> None:
    environment = {**os.environ, URL: url_of(file), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    make_template()
