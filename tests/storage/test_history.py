"""Nothing that git has is overlooked: neither by a merge nor for a damaged object."""

from pathlib import Path

import pytest

from lockstep.errors import MachineError
from lockstep.storage.history import blobs_of_all_commits, commits_with, references_below
from tests.support.workspaces import git

LOCK = Path("dvc.lock")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository in which the side branch's file isn't that of the merge."""
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path, "start")
    git(tmp_path, "switch", "-q", "-c", "side")
    commit(tmp_path, "side")
    git(tmp_path, "switch", "-q", "main")
    commit(tmp_path, "ours")
    git(tmp_path, "merge", "-q", "-s", "ours", "--no-edit", "side")
    git(tmp_path, "branch", "-d", "side")
    return tmp_path


def commit(root: Path, text: str) -> None:
    (root / LOCK).write_text(text)
    git(root, "add", "-A")
    git(root, "commit", "-qm", text)


def test_the_other_side_of_a_merge_is_listed(root: Path) -> None:
    found = set(blobs_of_all_commits(root, [str(LOCK)]))
    for commit_name in ("HEAD", "HEAD^2", "HEAD^2^"):
        assert git(root, "rev-parse", f"{commit_name}:dvc.lock").strip() in found
    subjects = [git(root, "log", "-1", "--format=%s", each) for each in commits_with(root, LOCK)]
    assert {each.strip() for each in subjects} == {"start", "side", "ours"}


def test_a_damaged_commit_is_named(root: Path) -> None:
    head = git(root, "rev-parse", "HEAD").strip()
    (root / ".git" / "objects" / head[:2] / head[2:]).unlink()
    for call in (lambda: references_below(root, "refs/heads"), lambda: commits_with(root, LOCK)):
        with pytest.raises(MachineError, match=r"fatal: .*`git fsck` says which"):
            call()


def test_without_git_there_is_nothing(tmp_path: Path) -> None:
    assert not references_below(tmp_path, "refs/heads")
    assert not commits_with(tmp_path, LOCK)
