"""Push a deployed run's experiment, which stays here where it can't be pushed."""

from pathlib import Path

from prefect import get_run_logger

from lockstep.errors import LockstepError, one_line
from lockstep.versioning import pushing


def push(main: Path, workspace: Path, name: str) -> str:
    """Push a saved experiment; return what the final state says of it if that failed.

    Raises LockstepError in a clone, which Prefect removes, and the results with it.
    """
    try:
        pushing.push(workspace, name)
    except LockstepError as error:
        if main == workspace:
            raise
        command = pushing.command(workspace, name)
        line = one_line(f"not pushed: {error}; `{command}` in {main} pushes it")
        get_run_logger().warning("%s: %s", name, line)
        return f", but {line}"
    return ""
