"""dvc.yaml's stages for another runner, such as Prefect: DVC does all but run the commands.

`reproduce_stage` calls DVC's own `reproduce` for a single stage and replaces only how the stage's
command is run. So dvc.lock, the cache and the run cache are the same as after `dvc repro`.
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

from lockstep.errors import DataError, LockstepError, one_line
from lockstep.process.machine_errors import machine_error
from lockstep.versioning import cache_writes, lock_file, locks
from lockstep.versioning.data_sources import is_source
from lockstep.versioning.repository import (
    cache_of,
    open_repository,
    read_repository,
    stages_in_order,
)
from lockstep.versioning.verification import verify_outputs

# The state of each stage is reported instead of DVC's info messages.
logging.getLogger("dvc").setLevel(logging.WARNING)

RAN, UP_TO_DATE, RESTORED = "ran", "up to date", "restored"


@dataclasses.dataclass(frozen=True)
class Node:
    """A stage of dvc.yaml, with what a runner needs to know of it."""

    name: str
    description: str
    meta: dict[str, Any]  # the stage's `meta`, which DVC ignores: retries, timeouts
    upstream: tuple[str, ...]  # the stages whose outputs it depends on


def graph(root: Path) -> list[Node]:
    """Return dvc.yaml's stages, each after those it depends on."""
    with read_repository(root) as repo:
        edges = repo.index.graph
        return [
            Node(
                stage.name,
                stage.desc or "",
                stage.meta or {},
                tuple(sorted(s.name for s in edges.successors(stage) if not is_source(s))),
            )
            for stage in stages_in_order(repo)
        ]


def reproduce_stage(root: Path, name: str, run: Callable[[str], bool]) -> str:
    """Bring one stage up to date, and return how: RAN, UP_TO_DATE or RESTORED.

    `run` gets the stage's command and runs it, or returns False so that DVC runs it. An exception
    from `run` fails the stage. Raises UnavailableError while another DVC command holds the lock,
    DataError if DVC's cache has damaged outputs, MachineError if they can't be written to it.
    """
    targets = [*_sources_of(root, name), name]
    # DVC looks for dvc.yaml in the current folder when it writes to the run cache.
    with chdir(root), open_repository(root) as repo, _commands_run_by(run) as commands:
        try:
            with cache_writes.required(root):
                done = repo.reproduce(targets=targets, single_item=True)
        except ReproductionError as error:
            cause = error.__cause__
            if isinstance(cause, FileNotFoundError) and not commands:  # a dependency is missing
                raise DataError(
                    f"{cause.filename}: no such file or folder, but a stage depends on it"
                ) from None
            raise _reason(root, error) from None
        except LockError:
            raise locks.in_use(root, locks.holder(root) or locks.ANOTHER) from None
    lock_file.keep(root)
    if not commands and any(getattr(each, "name", "") == name for each in done):
        verify_outputs(root, name)
        return RESTORED
    return RAN if commands else UP_TO_DATE


def _sources_of(root: Path, name: str) -> list[str]:
    """The .dvc files of the user's data that a stage reads: `dvc repro` records their changes."""
    with chdir(root), read_repository(root) as repo:
        stages = {stage.name: stage for stage in stages_in_order(repo)}
        return [s.addressing for s in repo.index.graph.successors(stages[name]) if is_source(s)]


@contextmanager
def _commands_run_by(run: Callable[[str], bool]) -> Iterator[list[str]]:
    """Replace how DVC runs a command; yields the list of commands that DVC has requested."""
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


def _reason(root: Path, error: ReproductionError) -> Exception:
    """The error that DVC has wrapped in a ReproductionError."""
    cause = error.__cause__
    if isinstance(cause, LockError):  # whose message advises to remove the lock
        return locks.in_use(root, locks.holder(root) or locks.ANOTHER)
    machine = machine_error(cause, cache_of(root)) if cause else None
    if machine:
        return machine
    if isinstance(cause, StageCmdFailedError):
        failure = LockstepError(one_line(cause))
        status = re.search(r"exited with (\d+)$", str(cause))
        failure.exit_code = int(status[1]) if status else 1
        return failure
    if isinstance(cause, DvcException):
        return LockstepError(one_line(cause))
    return cause if isinstance(cause, Exception) else error
