"""Send experiments to MLflow again, from the files that git and DVC have of them."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
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
            missing.append(f"{name or 'a run without a DVC experiment'} ({_file(root, key)})")
    if missing:
        raise ParamsError(
            f"got no results of {', '.join(missing)}, expected a DVC experiment; run it again, or "
            "delete the file"
        )
    console.say("MLflow has all results")


def rebuild(root: Path) -> None:
    """Make runs, checkpoints and versions again that MLflow has lost, the oldest first.

    What it has stays as it is. The champion is the one that the last move in git's notes names.
    Raises LockstepError if some couldn't be sent, after the others.
    """
    moves = promotions.moves(root)
    known, commits = compared.experiments(root), commits_with(root, layout.LOCK)
    with promotions.unchanged(root):
        sent = [_sent(_checked_out(root, commit, name), name) for name, commit in known.items()]
        sent += [_sent(_checked_out(root, each, ""), "", each[:7]) for each in commits]
        sent.append(_sent(nullcontext(root), "", WORKSPACE))
        from lockstep.tracking.promotion import restore  # imports MLflow

        for line in restore(root, moves):
            console.say(line)
    if not all(sent):
        raise LockstepError(f"{sent.count(False)} of {len(sent)} weren't sent, expected all")


def _sent(checked_out: AbstractContextManager[Path], experiment: str, name: str = "") -> bool:
    """Send results, or say why they can't be sent: those of others may be."""
    try:
        with checked_out as workspace:
            _send_all(workspace, experiment, name or experiment)
    except LockstepError as error:
        console.say(f"{name or experiment}: not sent: {error}")
        return False
    return True


def _file(root: Path, key: str) -> Path:
    return main_checkout(root) / layout.UNSENT / f"{key}.json"


def _send_unsent(workspace: Path, name: str) -> None:
    send_again(load_params(workspace), workspace)
    if is_unsent(workspace):
        raise UnavailableError(f"{name}: MLflow still lacks results; start it and sync again")
    console.say(f"{name}: sent")


def _send_all(workspace: Path, experiment: str, name: str) -> None:
    """Send a workspace's results; a model that was registered is registered by its stage."""
    if not (workspace / layout.HISTORY).exists():
        return
    found = (stage for stage, file in STAGE_BY_RESULT.items() if (workspace / file).exists())
    stage = next(found, "train")
    if stage == "register":
        _register(workspace, experiment)
    else:
        send_results(load_params(workspace), workspace, stage)
        if is_unsent(workspace):
            raise UnavailableError("MLflow lacks results")
    console.say(f"{name}: sent, up to {stage}")


def _register(workspace: Path, experiment: str) -> None:
    """Run the stage in a process of its own, with the workspace's code."""
    announce_runner()
    variables = {experiments.NAME: experiment} if experiment else {}
    command = [sys.executable, "-m", "tasks", "register"]
    ended = subprocess.run(command, cwd=workspace, env={**os.environ, **variables}, check=False)
    if ended.returncode:
        raise LockstepError(f"register ended with {ended.returncode}, expected 0")


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
