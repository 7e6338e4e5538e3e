"""The database file of the Prefect server of `lockstep up`."""

from pathlib import Path

from lockstep.process import console, file_locks
from lockstep.storage import sqlite_files
from pipelines.servers import prefect_template


def ensure(file: Path) -> None:
    """Create the database unless there is one; one without Prefect's version is set aside."""
    has_template = prefect_template.TEMPLATE.exists()
    create = prefect_template.copy_template if has_template else prefect_template.create
    with file_locks.held(file.with_name("database.lock")):
        aside = sqlite_files.ensure(file, "alembic_version", create)
    if aside:
        console.say(f"{file}: incomplete, kept as {aside.name}; a new one is made")
