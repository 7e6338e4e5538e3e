"""Save a workspace as a DVC experiment: a commit on its HEAD, below refs/exps.

`dvc exp save` does the same in a second under a lock of its own: it stashes the workspace, commits
all stages again, which records those that haven't run as if they had, and adds .dvc/tmp/repro.dat.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from lockstep.errors import LockstepError
from lockstep.versioning.compared import EXPERIMENTS


def save(workspace: Path, name: str, key: str, untracked: Iterable[str]) -> None:
    """Save the tracked files and the `untracked` ones as the DVC experiment `name`.

    An existing experiment of that name is replaced; stages aren't committed, since whoever ran
    them has done so. `key` is the experiment's. Raises LockstepError.
    """
    baseline = _git(workspace, "rev-parse", "HEAD")
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder, "index")  # the workspace's own stays as it is
        known = _git(workspace, "rev-parse", "--path-format=absolute", "--git-path", "index")
        shutil.copyfile(known, index)  # with the times of files, so that git needn't read them
        tree = _tree(workspace, index, untracked)
    message = f"dvc: commit experiment {key}"
    commit = _git(workspace, "commit-tree", tree, "-p", baseline, "-m", message)
    reference = f"{EXPERIMENTS}/{baseline[:2]}/{baseline[2:]}/{name}"
    _git(workspace, "update-ref", reference, commit)


def _tree(workspace: Path, index: Path, untracked: Iterable[str]) -> str:
    """Return git's tree of the files, of which some may be ignored or deleted."""
    _git(workspace, "add", "--update", ":/", index=index)
    there = [file for file in untracked if (workspace / file).exists()]
    if there:
        _git(workspace, "add", "--force", "--", *there, index=index)
    return _git(workspace, "write-tree", index=index)


def _git(workspace: Path, *arguments: str, index: Path | None = None) -> str:
    variables = {"GIT_INDEX_FILE": str(index)} if index else {}
    answer = subprocess.run(
        ["git", *arguments],
        cwd=workspace,
        env={**os.environ, **variables},
        capture_output=True,
        check=False,
    )
    if answer.returncode:
        reason = " ".join(os.fsdecode(answer.stderr).split())
        raise LockstepError(f"{workspace}: git {arguments[0]}: {reason}")
    return os.fsdecode(answer.stdout).strip()
