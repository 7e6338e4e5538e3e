"""The database file of the Prefect server of `lockstep up`."""

from pathlib import Path

from lockstep.process import console
from lockstep.storage import sqlite_files
from pipelines.servers import prefect_template


def ensure(file: Path) -> None:
    """Create the database unless there is one; one without Prefect's version is set aside."""
    lock = file.with_name("database.lock")
    has_template = prefect_template.TEMPLATE.exists()
    create = prefect_template.copy_template if has_template else prefect_template.create
    aside = sqlite_files.ensure(file, lock, "alembic_version", create)
    if aside:
        console.say(f"{file}: incomplete, kept as {aside.name}; a new one is made")
