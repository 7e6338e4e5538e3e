"""Where a project is, and where the checkout is that a workspace was made from."""

import subprocess
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.storage import layout


def find_project(folder: Path) -> Path:
    """Return the nearest folder upwards that has dvc.yaml; raises MachineError if none has."""
    for place in (folder, *folder.parents):
        if (place / layout.GRAPH).exists():
            return place
    raise MachineError(
        f"{folder}: no {layout.GRAPH} here or above, expected to be run in a project"
    )


def main_checkout(root: Path) -> Path:
    """Return the checkout that owns the git folder of `root`: `root` itself but in a worktree.

    Runs and logs that outlive a workspace lie there. Outside of git it is `root`.
    """
    command = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    common = Path(answer.stdout.strip())
    return common.parent if answer.returncode == 0 and common.name == ".git" else root.resolve()
