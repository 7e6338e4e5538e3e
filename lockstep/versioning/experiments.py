"""A workspace of its own for an experiment: the main checkout's cache, and a saved result."""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

from dvc.config import Config
from dvc.exceptions import CheckoutError

from lockstep.errors import LockstepError
from lockstep.versioning.repository import opened

NAME = "DVC_EXP_NAME"  # the variable by which DVC tells a stage of its experiment
# That the cache lacks what no stage has made yet isn't news.
logging.getLogger("dvc_data").setLevel(logging.ERROR)


def share(main: Path, workspace: Path) -> None:
    """Let a workspace use the main checkout's cache and its local settings."""
    local = main / ".dvc" / "config.local"
    if local.exists():
        shutil.copy2(local, workspace / ".dvc" / "config.local")
    with opened(main) as repo:
        cache = str(Path(repo.cache.local.path).parent.parent)
    with Config(str(workspace / ".dvc")).edit("local") as settings:
        settings.setdefault("cache", {})["dir"] = cache


def fetch(workspace: Path) -> None:
    """Check out what dvc.lock names and the cache has; the rest is for the stages to make."""
    with opened(workspace) as repo, contextlib.suppress(CheckoutError):
        repo.checkout(force=True, allow_missing=True)


def save(workspace: Path, name: str, untracked: list[str]) -> None:
    """Save the workspace as the DVC experiment `name`, files that git doesn't know included.

    An experiment of that name is replaced. Raises LockstepError.
    """
    files = [part for file in untracked for part in ("--include-untracked", file)]
    _dvc(workspace, "exp", "save", "--name", name, "--force", *files)


def push(workspace: Path, name: str) -> None:
    """Send files and the experiment to DVC's default remote and git's; without a remote to none.

    DVC_EXP_GIT_REMOTE names git's; otherwise it is origin. Raises LockstepError.
    """
    with opened(workspace) as repo:
        if not repo.config["core"].get("remote"):
            return
    _dvc(workspace, "push")
    remote = os.environ.get("DVC_EXP_GIT_REMOTE", "origin")
    known = subprocess.run(
        ["git", "remote"], cwd=workspace, capture_output=True, text=True, check=True
    )
    if remote in known.stdout.split():
        _dvc(workspace, "exp", "push", remote, name)


def _dvc(workspace: Path, *arguments: str) -> None:
    # A process of its own: DVC takes the current folder for the workspace here.
    command = [sys.executable, "-m", "dvc", *arguments]
    answer = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    if answer.returncode:
        reason = " ".join(answer.stderr.partition("Having any troubles?")[0].split())
        raise LockstepError(f"dvc {' '.join(arguments[:4])}: {reason}")
