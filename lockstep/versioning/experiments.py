"""DVC for an experiment's own workspace: share the cache, check out, save and push."""

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
from lockstep.versioning.repository import open_repository

NAME = "DVC_EXP_NAME"  # DVC sets it to the experiment's name for the stages it runs
# DVC warns of outputs that aren't in the cache: normal before the stages have run.
logging.getLogger("dvc_data").setLevel(logging.ERROR)


def share_cache(main: Path, workspace: Path) -> None:
    """Make a workspace use the main checkout's DVC cache and its .dvc/config.local."""
    local = main / ".dvc" / "config.local"
    if local.exists():
        shutil.copy2(local, workspace / ".dvc" / "config.local")
    with open_repository(main) as repo:
        cache = str(Path(repo.cache.local.path).parent.parent)
    with Config(str(workspace / ".dvc")).edit("local") as settings:
        settings.setdefault("cache", {})["dir"] = cache


def checkout(workspace: Path) -> None:
    """Check out the outputs of dvc.lock that are in the cache; the stages make the others."""
    with open_repository(workspace) as repo, contextlib.suppress(CheckoutError):
        repo.checkout(force=True, allow_missing=True)


def save(workspace: Path, name: str, untracked: list[str]) -> None:
    """Save the workspace, including `untracked` files, as the DVC experiment `name`.

    An existing experiment of that name is replaced. Raises LockstepError.
    """
    files = [part for file in untracked for part in ("--include-untracked", file)]
    _dvc(workspace, "exp", "save", "--name", name, "--force", *files)


def push(workspace: Path, name: str) -> None:
    """Push outputs to DVC's default remote, and the experiment to the git remote.

    The git remote is DVC_EXP_GIT_REMOTE, or else origin. Without a default DVC remote nothing is
    pushed; without that git remote only the outputs are. Raises LockstepError.
    """
    with open_repository(workspace) as repo:
        if not repo.config["core"].get("remote"):
            return
    _dvc(workspace, "push")
    remote = os.environ.get("DVC_EXP_GIT_REMOTE", "origin")
    remotes = subprocess.run(
        ["git", "remote"], cwd=workspace, capture_output=True, text=True, check=True
    )
    if remote in remotes.stdout.split():
        _dvc(workspace, "exp", "push", remote, name)


def _dvc(workspace: Path, *arguments: str) -> None:
    # In a subprocess: these DVC commands act on the current folder, not on a given root.
    command = [sys.executable, "-m", "dvc", *arguments]
    result = subprocess.run(command, cwd=workspace, capture_output=True, text=True, check=False)
    if result.returncode:
        reason = " ".join(result.stderr.partition("Having any troubles?")[0].split())
        raise LockstepError(f"dvc {' '.join(arguments[:4])}: {reason}")
