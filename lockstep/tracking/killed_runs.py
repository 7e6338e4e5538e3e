"""Runs of this machine that MLflow shows as running though their process was killed."""

from pathlib import Path

from mlflow.exceptions import MlflowException

from lockstep.tracking import orphaned_runs
from lockstep.tracking.client import connect, given_or_there, registry_error


def names(root: Path) -> list[str]:
    """Return their names; raises UnavailableError if MLflow can't be reached."""
    if not given_or_there(root):
        return []
    try:
        return [run.info.run_name or run.info.run_id for run in orphaned_runs.find(*connect(root))]
    except MlflowException as error:
        raise registry_error(error, root) from None


def end(root: Path) -> None:
    """Set them to KILLED; raises UnavailableError if MLflow can't be reached."""
    try:
        orphaned_runs.end(*connect(root))
    except MlflowException as error:
        raise registry_error(error, root) from None
