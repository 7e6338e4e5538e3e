"""Push an experiment to where other checkouts find it: DVC's default remote and a git remote."""

import os
from pathlib import Path

from tenacity import Retrying, stop_after_attempt, wait_fixed

from lockstep.storage import git
from lockstep.versioning.experiments import dvc_command
from lockstep.versioning.repository import open_repository

GIT_REMOTE = "DVC_EXP_GIT_REMOTE"  # names the git remote, instead of origin
ATTEMPTS, WAIT_SECONDS = 3, 5


def push(workspace: Path, name: str) -> None:
    """Push outputs to DVC's default remote, and the experiment to the git remote.

    The git remote is DVC_EXP_GIT_REMOTE, or else origin. Without a default DVC remote nothing is
    pushed; without origin only the outputs are. What fails is tried again. Raises LockstepError.
    """
    with open_repository(workspace) as repo:
        if not repo.config["core"].get("remote"):
            return
    stop, wait = stop_after_attempt(ATTEMPTS), wait_fixed(WAIT_SECONDS)
    again = Retrying(stop=stop, wait=wait, reraise=True)
    again(dvc_command, workspace, "push")
    remote = _git_remote(workspace)
    if remote:
        again(dvc_command, workspace, "exp", "push", remote, name)


def command(workspace: Path, name: str) -> str:
    """Return the command that pushes a saved experiment, with its outputs, from any checkout."""
    remote = _git_remote(workspace)
    return f"dvc exp push {remote} {name}" if remote else f"dvc exp apply {name} && dvc push"


def _git_remote(workspace: Path) -> str:
    """DVC_EXP_GIT_REMOTE, a name or an address, or else origin if there is one."""
    default = "origin" if "origin" in git.answer(workspace, "remote").split() else ""
    return os.environ.get(GIT_REMOTE) or default
