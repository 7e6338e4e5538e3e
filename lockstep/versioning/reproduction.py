"""One graph for another runner: DVC decides, deletes, restores and records; we only run.

A single stage goes through DVC's own `reproduce`. Of all that it does, one thing is replaced: how
the stage's command is run. So dvc.lock, cache and run cache come out as `dvc repro` makes them.
"""

import dataclasses
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import dvc.stage.run as dvc_run
from dvc.exceptions import DvcException, ReproductionError
from dvc.lock import LockError
from dvc.stage.exceptions import StageCmdFailedError

from lockstep.errors import DataError, LockstepError, UnavailableError
from lockstep.versioning.repository import opened, stages_in_order

# What it says while it works is said by states.
logging.getLogger("dvc").setLevel(logging.WARNING)

RAN, UP_TO_DATE, RESTORED = "ran", "up to date", "restored"


@dataclasses.dataclass(frozen=True)
class Node:
    """A stage of dvc.yaml, as a runner sees it."""

    name: str
    description: str
    meta: dict[str, Any]  # what DVC leaves to us: retries, timeouts
    upstream: tuple[str, ...]  # the stages whose outputs it reads


def graph(root: Path) -> list[Node]:
    """Return dvc.yaml's stages, each after those it depends on."""
    with opened(root) as repo:
        edges = repo.index.graph
        return [
            Node(
                stage.name,
                stage.desc or "",
                stage.meta or {},
                tuple(sorted(other.name for other in edges.successors(stage))),
            )
            for stage in stages_in_order(repo)
        ]


def reproduce_stage(root: Path, name: str, run: Callable[[str], bool]) -> str:
    """Bring one stage up to date, and return what that took: RAN, UP_TO_DATE or RESTORED.

    `run` is given the stage's command, and runs it or returns False, for DVC to run it. What it
    raises ends the stage as failed. Raises UnavailableError if another DVC command is at work.
    """
    # DVC takes dvc.yaml to be in the current folder when it fills the run cache.
    with chdir(root), opened(root) as repo, _commands_run_by(run) as commands:
        try:
            done = repo.reproduce(targets=[name], single_item=True)
        except ReproductionError as error:
            cause = error.__cause__
            if isinstance(cause, FileNotFoundError) and not commands:  # a dependency's
                raise DataError(f"{cause.filename}: no such file or folder, expected it") from None
            raise _reason(error) from error
        except LockError as error:
            raise UnavailableError(f"{name}: {_line(error)}; try again when it has ended") from None
    return RAN if commands else RESTORED if done else UP_TO_DATE


@contextmanager
def _commands_run_by(run: Callable[[str], bool]) -> Iterator[list[str]]:
    """Replace how DVC runs a command; yields the list of those it wanted run."""
    commands: list[str] = []
    original = dvc_run.cmd_run

    def cmd_run(stage: Any, dry: bool = False, run_env: Any = None) -> None:
        commands.append(stage.cmd)
        if dry or not run(stage.cmd):
            original(stage, dry=dry, run_env=run_env)

    dvc_run.cmd_run = cmd_run
    try:
        yield commands
    finally:
        dvc_run.cmd_run = original


def _reason(error: ReproductionError) -> Exception:
    """What really went wrong, of what DVC wraps."""
    cause = error.__cause__
    if isinstance(cause, StageCmdFailedError):
        failure = LockstepError(_line(cause))
        status = re.search(r"exited with (\d+)$", str(cause))
        failure.exit_code = int(status[1]) if status else 1
        return failure
    if isinstance(cause, DvcException):
        return LockstepError(_line(cause))
    return cause if isinstance(cause, Exception) else error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
