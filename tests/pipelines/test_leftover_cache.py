"""The cache's files that nothing needs are found, and removed, only if no worktree needs them."""

import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.errors import LockstepError
from lockstep.storage import atomic_files
from lockstep.versioning import locks, unused_objects
from pipelines import checkout_lock
from pipelines.leftovers import stores
from pipelines.leftovers.leftover import Leftovers
from tests.support.workspaces import git

CONTENTS = b"made and thrown away", b"made, and needed before the answer"


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    root = tmp_path / "lockstep"
    subprocess.run(["cp", "-a", recorded, root], check=True)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Results")
    for content in CONTENTS:
        add_to_cache(root, content)
    return root


@pytest.fixture
def other(root: Path, tmp_path: Path) -> Iterator[Path]:
    """A worktree of the user's, which shares the cache."""
    git(root, "worktree", "add", "-q", str(tmp_path / "other"))
    yield tmp_path / "other"
    git(root, "worktree", "remove", "--force", str(tmp_path / "other"))


def add_to_cache(root: Path, content: bytes) -> Path:
    file = root / "content"
    file.write_bytes(content)
    cached = place(root, atomic_files.md5(file))
    cached.parent.mkdir(parents=True, exist_ok=True)
    file.rename(cached)
    return cached


def place(root: Path, md5: str) -> Path:
    return root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]


def find(root: Path) -> list[Leftovers]:
    return list(stores.in_cache(root, unused_objects.recorded_md5s(root)))


def test_what_is_needed_since_the_question_stays(root: Path, other: Path) -> None:
    thrown, needed = (add_to_cache(root, content) for content in CONTENTS)
    (found,) = find(root)
    assert found.rows[0].name.startswith("2 files of ")
    out = f"outs:\n- md5: {atomic_files.md5(needed)}\n  path: model\n"
    (other / "model.dvc").write_text(out)
    late = add_to_cache(root, b"made since the question")
    found.remove()
    assert (thrown.exists(), needed.exists(), late.exists()) == (False, True, True)


@pytest.mark.parametrize("begins", ["before the search", "after it"])
def test_a_run_in_another_worktree_uses_the_cache(root: Path, other: Path, begins: str) -> None:
    found = find(root) if begins == "after it" else []
    with (
        checkout_lock.held(other),
        pytest.raises(LockstepError, match=f"{other}: .* is running here; run again when"),
    ):
        found[0].remove() if found else find(root)
    assert len(find(root)) == 1


def test_a_dvc_command_in_another_worktree_uses_the_cache(root: Path, other: Path) -> None:
    (other / locks.LOCK).parent.mkdir(exist_ok=True)
    with (other / locks.LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LockstepError, match=f"{other}: {locks.ANOTHER} is running here"):
            find(root)
    assert len(find(root)) == 1
