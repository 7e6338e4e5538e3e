"""Locks that a killed process has left."""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from lockstep.errors import UnavailableError
from lockstep.storage.checkout import common_directory, worktrees_of
from lockstep.versioning import locks
from pipelines.repairs import running_git
from pipelines.repairs.repair import Repair

GIT_LOCKS = ("index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock")


def find(root: Path) -> Iterator[Repair]:
    """Yield DVC's list of locks if it names ended processes, and git's locks nobody holds."""
    for worktree in worktrees_of(root):
        if locks.is_stale(worktree):
            yield Repair(
                f"{worktree / locks.RWLOCK}: lists locks of killed processes",
                "take them out",
                partial(locks.drop_ended, worktree),
            )
    common = common_directory(root)
    for lock in _git_locks(common) if common else ():
        if not _is_held(lock, root):
            remove = partial(_remove, lock, root)
            yield Repair(f"{lock}: left by a git that was killed", "remove it", remove)


def _remove(lock: Path, root: Path) -> None:
    if _is_held(lock, root):  # something may have begun since it was found
        raise UnavailableError(f"{lock}: git is running again; run again when it has ended")
    lock.unlink(missing_ok=True)


def _git_locks(folder: Path) -> list[Path]:
    below = [folder, *folder.glob("worktrees/*")]
    return [each / name for each in below for name in GIT_LOCKS if (each / name).exists()]


def _is_held(lock: Path, root: Path) -> bool:
    """Whether a process has the lock: `git commit` closes it before its editor and hooks run."""
    return _is_open(lock) or running_git.works_in(root)


def _is_open(file: Path) -> bool:
    """Whether a process of this user has the file open."""
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # the process has ended, or belongs to another user
            if descriptor.samefile(file):
                return True
    return False
