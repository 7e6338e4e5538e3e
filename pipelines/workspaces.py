"""Workspaces: a git worktree for each run with overrides, with the main checkout's DVC cache."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from lockstep.config.overrides import write_overridden
from lockstep.errors import ParamsError
from lockstep.process import console, stopping
from lockstep.process.runner import announce_runner
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import find_project, main_checkout
from lockstep.tracking import PRESET
from lockstep.versioning import experiments, saving
from lockstep.versioning.hashes import ExperimentInputs, experiment_inputs
from lockstep.versioning.remotes import require_package
from lockstep.versioning.same_inputs import SameInputs
from pipelines import workspace_files, worktrees
from pipelines.experiment_names import name_of


class SavedExperiment(NamedTuple):
    """A DVC experiment that was saved: its name, and its test metrics, null where undefined."""

    name: str
    metrics: dict[str, float | None]


def run(
    root: Path,
    assignments: list[str],
    preset: str | None,
    overrides: list[str],
    check: Callable[[ExperimentInputs], object] = lambda inputs: None,
) -> SavedExperiment:
    """Run the flow with overrides in a new workspace, and save it as a DVC experiment.

    `assignments` are the preset's changes and then the overrides; the experiment's name is made
    from the preset and the overrides. The main checkout isn't changed. If the run fails, the
    workspace is kept. `check` may raise a LockstepError for its inputs, before anything runs.
    """
    require_package(root)  # before there is a workspace
    workspace = create(root, assignments, preset)
    with removed(root, workspace):
        experiments.checkout(workspace)
        inputs = experiment_inputs(workspace)
        check(inputs)
        name = name_of([preset or "", *overrides], inputs.key)
        _run_flow(workspace, name, preset)
        save(workspace, name, inputs, preset)
        metrics = workspace / layout.METRICS
        found = atomic_files.read_json(metrics)["test"] if metrics.exists() else {}
    console.say(f"saved as {name}")
    console.say(f"  compare: dvc exp diff {name}")
    console.say(f"  apply:   dvc exp apply {name}")
    return SavedExperiment(name, found)


def pull() -> dict[str, str]:
    """Create a workspace for a deployed run, and return it as Prefect's working directory.

    This is a pull step of prefect.yaml; Prefect calls it in the deployed project. The flow applies
    the run's parameters, and then calls `add_inputs`; one that it doesn't have is refused here.
    """
    from pipelines import unknown_parameters  # Prefect takes seconds to import

    unknown_parameters.refuse()
    return {"directory": str(_at_head(find_project(Path.cwd())))}


@contextmanager
def removed(root: Path, workspace: Path) -> Iterator[None]:
    """Remove a workspace after the block; after a failure keep it, and say so.

    After a ParamsError it is removed, since nothing has run. After Ctrl-C or SIGTERM it is removed
    when the next workspace is created: the same run, started again, resumes in a new one.
    """
    try:
        yield
    except ParamsError:
        worktrees.remove(root, workspace)
        raise
    except (Exception, _RunFailed):
        console.say(f"the workspace is kept: {workspace}")
        worktrees.keep(workspace)
        raise
    worktrees.remove(root, workspace)


def save(workspace: Path, name: str, inputs: ExperimentInputs, preset: str | None) -> None:
    """Save a workspace as a DVC experiment of this name, with the inputs it began with.

    Of untracked files, only those that stages read or write are saved, and the preset's. Raises
    DataError if the inputs have changed since: data that are only linked may be edited.
    """
    same = SameInputs("the run went on")
    same.require(inputs.values())
    same.require(experiment_inputs(workspace).values())
    saving.save(workspace, name, inputs.key, workspace_files.saved_with(workspace, preset))


def create(root: Path, assignments: list[str], preset: str | None = None) -> Path:
    """Return the project in a new worktree at HEAD, with tracked files' changes and overrides.

    Of untracked files it gets only those that `workspace_files.add_inputs` copies. Raises
    MachineError if git can't create it.
    """
    workspace = _at_head(root)
    write_overridden(workspace / layout.PARAMS, assignments)
    workspace_files.add_inputs(root, workspace, preset)
    return workspace


def _at_head(root: Path) -> Path:
    """The project in a new worktree, with the changes of tracked files."""
    main = main_checkout(root)
    experiments.use_cache_of(main, root)
    workspace = worktrees.add(root)
    workspace_files.copy_changes(root, workspace)
    experiments.share_cache(main, workspace)
    return workspace


def _run_flow(workspace: Path, name: str, preset: str | None) -> None:
    # `python -m lockstep` uses the code of the project in its working directory.
    command = [sys.executable, "-m", "lockstep", "run"]
    announce_runner()  # so that the child ends with this process
    variables = {experiments.NAME: name, PRESET: preset or "", stopping.SILENT: "1"}
    process = subprocess.Popen(command, cwd=workspace, env={**os.environ, **variables})
    try:
        code = process.wait()
    except BaseException as stop:
        interrupted = isinstance(stop, KeyboardInterrupt)
        # A terminal has sent it to the child too, which takes both for one.
        process.send_signal(signal.SIGINT if interrupted else signal.SIGTERM)
        process.wait()
        raise
    if code:
        # The child has already printed the error.
        raise _RunFailed(code if code > 0 else 128 - code)


class _RunFailed(SystemExit):
    """The child process of a run has failed."""
