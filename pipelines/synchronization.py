"""Send experiments to MLflow again, from the files that git and DVC have of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockstep.config.reading import load_params
from lockstep.errors import LockstepError, ParamsError, UnavailableError
from lockstep.process import console
from lockstep.process.runner import announce_runner
from lockstep.storage import layout
from lockstep.storage.checkout import commits_with, main_checkout
from lockstep.tracking.recorder import is_unsent, send_again, send_results, unsent_experiments
from lockstep.versioning import compared, experiments, promotions
from lockstep.versioning.compared import WORKSPACE
from lockstep.versioning.hashes import experiment_key
from pipelines import workspace_files, worktrees

STAGE_BY_RESULT = {"register": layout.REGISTERED, "evaluate": layout.METRICS}


def catch_up(root: Path) -> None:
    """Send the results that MLflow refused or couldn't take when they were made.

    Raises UnavailableError if it still can't, ParamsError if an experiment isn't here any more.
    """
    known = compared.experiments(root)
    missing = []
    for key, name in unsent_experiments(root).items():
        if key == experiment_key(root):
            _send_unsent(root, WORKSPACE)
        elif name in known:
            with _checked_out(root, known[name], name) as workspace:
                _send_unsent(workspace, name)
        else:
            missing.append(name or key[:12])
    if missing:
        raise ParamsError(
            f"got no files of {', '.join(missing)}, expected a DVC experiment; run it again"
        )
    console.say("MLflow has all results")


def rebuild(root: Path) -> None:
    """Make runs, checkpoints and versions again that MLflow has lost, the oldest first.

    What it has stays as it is. The champion is the one that the last move in git's notes names.
    """
    moves = promotions.moves(root)
    with promotions.unchanged(root):
        for name, commit in compared.experiments(root).items():
            with _checked_out(root, commit, name) as workspace:
                _send_all(workspace, name)
        for commit in commits_with(root, layout.LOCK):
            with _checked_out(root, commit, "") as workspace:
                _send_all(workspace, commit[:7])
        if (root / layout.HISTORY).exists():
            _send_all(root, WORKSPACE)
        from lockstep.tracking.promotion import restore  # imports MLflow

        for line in restore(root, moves):
            console.say(line)


def _send_unsent(workspace: Path, name: str) -> None:
    send_again(load_params(workspace), workspace)
    if is_unsent(workspace):
        raise UnavailableError(f"{name}: MLflow still lacks results; start it and sync again")
    console.say(f"{name}: sent")


def _send_all(workspace: Path, name: str) -> None:
    """Send a workspace's results; a model that was registered is registered by its stage."""
    if not (workspace / layout.HISTORY).exists():
        return
    found = (stage for stage, file in STAGE_BY_RESULT.items() if (workspace / file).exists())
    stage = next(found, "train")
    if stage == "register":
        _register(workspace, name)
    else:
        send_results(load_params(workspace), workspace, stage)
    console.say(f"{name}: sent, up to {stage}")


def _register(workspace: Path, name: str) -> None:
    """Run the stage in a process of its own, as TensorFlow allows one model's seed in each."""
    announce_runner()
    variables = {} if name == WORKSPACE else {experiments.NAME: name}
    command = [sys.executable, "-m", "tasks", "register"]
    ended = subprocess.run(command, cwd=workspace, env={**os.environ, **variables}, check=False)
    if ended.returncode:
        raise LockstepError(f"{name}: register ended with {ended.returncode}, expected 0")


@contextmanager
def _checked_out(root: Path, commit: str, name: str) -> Iterator[Path]:
    """Yield a workspace with an experiment's files, as it was before DVC saved it.

    `name` is the experiment's, and empty for a commit of a branch.
    """
    main = main_checkout(root)
    workspace = worktrees.add(root, commit)
    try:
        if name:  # what differs from the commit that it was started at, names its run
            worktrees.git(workspace, "reset", "--quiet", "HEAD^")
        experiments.share_cache(main, workspace)
        workspace_files.link_data(root, workspace)
        experiments.checkout(workspace)
        yield workspace
    finally:
        worktrees.remove(root, workspace)
