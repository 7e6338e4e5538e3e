"""SQLite databases that appear complete or not at all, whenever the process is killed."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from lockstep.storage import atomic_files

# The files that SQLite keeps beside a database.
COMPANIONS = ("-journal", "-wal", "-shm")


def ensure(file: Path, table: str, create: Callable[[Path], None]) -> Path | None:
    """Create a database unless there is a complete one, in which `table` has rows.

    `create` makes one at another path, which is renamed to `file`. An incomplete one, from a
    process that was killed while it made the tables in place, is set aside: its new path is
    returned. The caller lets processes do this one after the other.
    """
    if file.exists() and _is_complete(file, table):
        return None
    aside = _set_aside(file) if file.exists() else None
    with atomic_files.whole_file(file) as part:
        _remove(part, "", *COMPANIONS)  # a process was killed while it wrote there
        try:
            create(part)
            _settle(part)
        finally:
            _remove(part, *COMPANIONS)
    return aside


def _is_complete(file: Path, table: str) -> bool:
    try:
        address = f"{file.absolute().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, timeout=1, uri=True)) as database:
            return bool(database.execute(f'SELECT 1 FROM "{table}" LIMIT 1').fetchall())  # noqa: S608
    except sqlite3.DatabaseError as error:
        # Others, such as a locked database or a damaged one, are reported where it is used.
        return not str(error).startswith("no such table")


def _settle(file: Path) -> None:
    """Move what is still in the write-ahead log into the database file."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _set_aside(file: Path) -> Path:
    """Rename a database and its companions to the first free name, and return it."""
    aside = atomic_files.unused_path(file.parent, f"{file.name}.incomplete-")
    for end in ("", *COMPANIONS):
        if (old := Path(f"{file}{end}")).exists():
            old.rename(f"{aside}{end}")
    return aside


def _remove(file: Path, *ends: str) -> None:
    for end in ends:
        Path(f"{file}{end}").unlink(missing_ok=True)
