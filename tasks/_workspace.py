"""Where a workspace is, and where the checkout it was made from is."""

import subprocess
from pathlib import Path


def main_checkout(root: Path) -> Path:
    """Return the checkout that owns the git folder of `root`: `root` itself but in a worktree.

    Runs and logs that outlive a workspace lie there. Outside of git it is `root`.
    """
    command = ["git", "rev-parse", "--path-format=absolute", "--git-common-dir"]
    answer = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    common = Path(answer.stdout.strip())
    return common.parent if answer.returncode == 0 and common.name == ".git" else root.resolve()
