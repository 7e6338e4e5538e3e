"""Whether nothing works in a project: what a running process writes and needs is no leftover."""

from pathlib import Path

from lockstep.errors import UnavailableError
from lockstep.storage.checkout import main_checkout, worktrees_of
from pipelines import checkout_lock, worktrees


def check(root: Path) -> None:
    """Raise UnavailableError if a run or a DVC command works in any of the project's worktrees.

    They share the cache. A stage that somebody starts by hand holds no lock, and isn't seen.
    """
    # Of a submodule, git lists its git directory instead of the checkout.
    for each in dict.fromkeys([main_checkout(root), *worktrees_of(root)]):
        check_checkout(each)
    if worktrees.are_in_use(root):
        raise UnavailableError(
            f"{main_checkout(root)}: a run with overrides is going on; run again when it has ended"
        )


def check_checkout(folder: Path) -> None:
    """Raise UnavailableError if a run or a DVC command works in a checkout or a workspace."""
    if holder := checkout_lock.holder(folder):
        raise UnavailableError(f"{folder}: {holder} is running here; run again when it has ended")
