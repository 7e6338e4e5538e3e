"""Which files of DVC's cache nothing needs: neither commits, experiments nor other worktrees."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import DataError, MachineError
from lockstep.versioning import unused_objects
from tests.support.pretended_stages import recorded_workspace, reproduce
from tests.support.workspaces import git, write_params

FIRST, SECOND = "1" * 32, "2" * 32


@pytest.fixture
def root(make_workspace: Callable[..., Path]) -> Path:
    return recorded_workspace(make_workspace)


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The empty dvc.lock of a repository with one commit."""
    (tmp_path / "dvc.lock").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "Start")
    return tmp_path / "dvc.lock"


def unused(root: Path) -> set[str]:
    found = unused_objects.find(root, unused_objects.recorded_md5s(root))
    return {each.name for each in found}


def objects(root: Path) -> set[str]:
    return {each.name for each in (root / ".dvc/cache/files/md5").glob("*/*")}


def commit(root: Path) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Result")


def test_what_is_in_the_workspace_is_needed(root: Path) -> None:
    assert not unused(root)


def test_an_earlier_result_that_nobody_has_committed_is_not(root: Path) -> None:
    before = objects(root)
    write_params(root, {"seed": 5})
    reproduce(root)
    found = unused(root)
    assert found & objects(root)
    assert found & objects(root) < before
    assert found - objects(root)  # and the run cache's entries for them


def test_what_any_commit_has_is_needed(root: Path) -> None:
    commit(root)
    write_params(root, {"seed": 5})
    reproduce(root)
    git(root, "branch", "other")
    commit(root)
    assert not unused(root)


def test_what_another_worktree_has_is_needed(root: Path, tmp_path: Path) -> None:
    git(root, "worktree", "add", "-q", "--detach", str(tmp_path / "other"))
    (tmp_path / "other" / "dvc.lock").write_bytes((root / "dvc.lock").read_bytes())
    write_params(root, {"seed": 5})
    reproduce(root)
    assert not unused(root)


def test_what_any_stash_has_is_needed(lock: Path) -> None:
    for md5 in (FIRST, SECOND):
        lock.write_text(md5)
        git(lock.parent, "stash", "push", "-q")
    assert unused_objects.recorded_md5s(lock.parent) == {FIRST, SECOND}


@pytest.mark.parametrize("damage", ["no repository", "torn reference", "missing blob"])
def test_without_all_commits_nothing_is_known(lock: Path, damage: str) -> None:
    git(lock.parent, "branch", "other")
    folder = lock.parent / ".git"
    if damage == "no repository":
        folder.rename(folder.with_name("git"))
    elif damage == "torn reference":  # of a power loss
        (folder / "refs/heads/other").write_text("")
    else:
        blob = git(lock.parent, "rev-parse", "HEAD:dvc.lock").strip()
        (folder / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(MachineError, match=r"git rev-list: .*`git fsck` says which"):
        unused_objects.recorded_md5s(lock.parent)


def test_a_torn_lock_file_still_counts(root: Path) -> None:
    text = (root / "dvc.lock").read_text()
    (root / "dvc.lock").write_text(f"<<<<<<< HEAD\n{text}\n=======\n")
    assert not unused(root)


def test_a_damaged_list_of_a_folder_ends_it(root: Path) -> None:
    folder = next((root / ".dvc/cache/files/md5").glob("*/*.dir"))
    folder.chmod(0o644)
    folder.write_text("[{")
    with pytest.raises(DataError, match=r"lockstep doctor --fix"):
        unused(root)
