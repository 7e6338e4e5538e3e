"""Whether the registry has a version: it may have been deleted, or be another registry."""

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from lockstep.errors import UnavailableError
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout

TAGGED = (
    "EXISTS (SELECT 1 FROM model_version_tags t WHERE t.name = v.name AND t.version = v.version "
    "AND t.key = ? AND t.value = ?)"
)
# MLflow marks deleted versions so.
VERSION = "SELECT 1 FROM model_versions v WHERE name = ? AND current_stage != 'Deleted_Internal'"
PATIENCE_SECONDS = 10


def is_registered(root: Path, name: str, tags: Mapping[str, str]) -> bool:
    """Return whether the registry has a version with these tags.

    Raises UnavailableError if it can't be reached.
    """
    if "MLFLOW_TRACKING_URI" in os.environ:
        return _by_mlflow(root, name, tags)
    return _in_file(main_checkout(root) / layout.TRACKING_DATABASE, name, tags)


def _by_mlflow(root: Path, name: str, tags: Mapping[str, str]) -> bool:
    from mlflow.exceptions import MlflowException

    from lockstep.tracking.client import connect, reason

    wanted = [f"name = '{name}'", *(f"tags.`{tag}` = '{value}'" for tag, value in tags.items())]
    try:
        found = connect(root)[0].search_model_versions(" and ".join(wanted), max_results=1)
    except MlflowException as error:
        raise UnavailableError(f"the MLflow registry: {reason(error)}; start it") from None
    return bool(found)


def _in_file(file: Path, name: str, tags: Mapping[str, str]) -> bool:
    """Look into the database itself: importing MLflow takes seconds, more than all of a run."""
    if not file.exists():
        return False
    query = " AND ".join([VERSION, *(TAGGED for _ in tags)])
    values = [name, *(each for tag in tags.items() for each in tag)]
    try:
        with closing(
            sqlite3.connect(f"{file.as_uri()}?mode=ro", PATIENCE_SECONDS, uri=True)
        ) as found:
            return found.execute(query, values).fetchone() is not None
    except sqlite3.OperationalError:  # without tables
        return False
