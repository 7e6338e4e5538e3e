"""The worktrees of killed processes are removed, but not those of other machines."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import DataError
from lockstep.storage import atomic_files, layout
from pipelines import worktrees

ENDED = "1-1"  # no process has started at that time


@pytest.mark.parametrize(("host", "left"), [(None, False), ("lockstep-7hx2v", True)])
def test_the_worktree_of_an_ended_process(
    make_workspace: Callable[..., Path], host: str | None, left: bool
) -> None:
    """On a volume that pods share, the process of another pod can't be seen."""
    root = make_workspace(name="shared")
    worktree = worktrees.add(root)
    (file,) = (root / layout.WORKSPACES).glob("*.owner.json")
    owner = atomic_files.read_json(file) | {"process": ENDED}
    atomic_files.write_json(file, owner | ({"host": host} if host else {}))
    worktrees.add(root)
    assert (worktree.exists(), file.exists()) == (left, left)


def test_a_damaged_owner_is_named(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(name="damaged")
    worktrees.add(root)
    (file,) = (root / layout.WORKSPACES).glob("*.owner.json")
    file.write_text('{"proc')
    with pytest.raises(DataError, match=r"owner\.json: damaged.*remove it if no run"):
        worktrees.add(root)
