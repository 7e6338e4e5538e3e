"""Half-written files and folders are left over only while nothing may be writing them."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import UnavailableError
from lockstep.storage import atomic_files, layout
from lockstep.versioning import locks
from pipelines import checkout_lock, worktrees
from pipelines.leftovers import files
from pipelines.leftovers.leftover import Leftovers
from tests.support.workspaces import git

PART = Path("data/.part-ready")
RUNNING = r"is running here; run again when it has ended"


@pytest.fixture(scope="module")
def root(make_workspace: Callable[..., Path]) -> Path:
    return make_workspace(name="halves")


@pytest.fixture
def part(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that a killed stage has left, and no file's change counts as recent."""
    monkeypatch.setattr(files, "SETTLED_SECONDS", 0)
    (root / PART).mkdir(parents=True, exist_ok=True)
    (root / PART / "x.npy").write_bytes(bytes(1000))
    return root / PART


def find(root: Path) -> list[Leftovers]:
    return list(files.half_written(root))


def test_what_a_killed_stage_has_left_is_removed(root: Path, part: Path) -> None:
    (found,) = find(root)
    assert found.rows[0][:2] == ("half-written folder", str(PART))
    found.remove()
    assert not part.exists()
    found.remove()  # somebody else may have removed it


def test_a_run_in_the_checkout_keeps_what_it_writes(root: Path, part: Path) -> None:
    (found,) = find(root)
    with checkout_lock.held(root):
        with pytest.raises(UnavailableError, match=RUNNING):
            find(root)
        with pytest.raises(UnavailableError, match=RUNNING):
            found.remove()
    assert (part / "x.npy").exists()


def test_a_run_in_a_worktree_of_the_users(root: Path, part: Path, tmp_path: Path) -> None:
    git(root, "worktree", "add", "-q", str(tmp_path / "other"))
    with (
        checkout_lock.held(tmp_path / "other"),
        pytest.raises(UnavailableError, match=f"{tmp_path / 'other'}: .*{RUNNING}"),
    ):
        find(root)
    git(root, "worktree", "remove", "--force", str(tmp_path / "other"))
    assert len(find(root)) == 1


def test_a_run_with_overrides(root: Path, part: Path) -> None:
    (found,) = find(root)
    workspace = worktrees.add(root)
    with pytest.raises(UnavailableError, match="a run with overrides is going on"):
        find(root)
    with pytest.raises(UnavailableError, match="a run with overrides is going on"):
        found.remove()
    worktrees.remove(root, workspace)
    assert part.exists()


def test_a_dvc_command(root: Path, part: Path) -> None:
    """It holds a lock that is empty for a moment at first."""
    lock = root / locks.LOCK
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(UnavailableError, match=f"{locks.ANOTHER} {RUNNING}"):
            find(root)
    assert len(find(root)) == 1


def test_a_stage_that_was_started_by_hand(
    root: Path, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds no lock; what it unpacks has the times of the archive."""
    (found,) = find(root)
    monkeypatch.undo()
    with atomic_files.whole_folder(root / layout.READY) as writing:
        (writing / "a.npy").write_bytes(b"new")
        for each in (writing / "a.npy", writing):
            os.utime(each, (0, 0))
        assert find(root) == []
        with pytest.raises(UnavailableError, match="has just changed"):
            found.remove()
        assert (writing / "a.npy").exists()
    assert (root / layout.READY / "a.npy").read_bytes() == b"new"


def test_a_command_in_the_workspace_of_a_failed_run(root: Path) -> None:
    workspace = worktrees.add(root)
    worktrees.keep(workspace)
    (found,) = (each for each in files.find(root) if each.rows[0].kind == "workspace")
    with checkout_lock.held(workspace):
        assert "workspace" not in [each.rows[0].kind for each in files.find(root)]
        with pytest.raises(UnavailableError, match=f"{workspace}: .*{RUNNING}"):
            found.remove()
    assert workspace.exists()
    found.remove()
    assert not workspace.exists()
