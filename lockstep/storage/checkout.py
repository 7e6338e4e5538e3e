"""Find the project that a folder is in, and the main checkout of a git worktree."""

import os
import subprocess
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.storage import layout


def find_project(folder: Path) -> Path:
    """Return `folder` or its nearest parent with dvc.yaml; raises MachineError if none has one."""
    for candidate in (folder, *folder.parents):
        if (candidate / layout.GRAPH).exists():
            return candidate
    raise MachineError(
        f"{folder}: no {layout.GRAPH} here or above, expected to be run in a project"
    )


def main_checkout(root: Path) -> Path:
    """Return the main checkout if `root` is a git worktree, or else `root` itself.

    Runs and logs that are kept after a workspace is deleted are stored there.
    """
    command = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    result = subprocess.run(
        command, cwd=root, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    common = Path(result.stdout.strip())
    return common.parent if result.returncode == 0 and common.name == ".git" else root.resolve()
