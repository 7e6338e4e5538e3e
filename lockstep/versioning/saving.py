"""Save a workspace as a DVC experiment: a commit on its HEAD, below refs/exps.

`dvc exp save` does the same in a second under a lock of its own: it stashes the workspace, commits
all stages again, which records those that haven't run as if they had, and adds .dvc/tmp/repro.dat.
"""

from collections.abc import Iterable
from pathlib import Path

from lockstep.storage import git
from lockstep.storage.checkout import commit_of
from lockstep.versioning.compared import EXPERIMENTS
from lockstep.versioning.other_index import copied_index


def save(workspace: Path, name: str, key: str, untracked: Iterable[str]) -> None:
    """Save the tracked files and the `untracked` ones as the DVC experiment `name`.

    An existing experiment of that name is replaced; stages aren't committed, since whoever ran
    them has done so. `key` is the experiment's. Raises MachineError if git fails.
    """
    baseline = commit_of(workspace)
    tree = _tree(workspace, [file for file in untracked if (workspace / file).exists()])
    message = f"dvc: commit experiment {key}"
    made = git.done(workspace, "commit-tree", tree, "-p", baseline, "-m", message)
    reference = f"{EXPERIMENTS}/{baseline[:2]}/{baseline[2:]}/{name}"
    git.done(workspace, "update-ref", reference, made.decode().strip())


def _tree(workspace: Path, untracked: list[str]) -> str:
    """Return git's tree of the files, of which some of the untracked ones may be ignored."""
    with copied_index(workspace) as index:
        git.done(workspace, "add", "--update", ":/", variables=index)
        if untracked:
            git.done(workspace, "add", "--force", "--", *untracked, variables=index)
        return git.done(workspace, "write-tree", variables=index).decode().strip()
