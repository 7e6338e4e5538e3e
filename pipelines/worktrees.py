"""Git worktrees below .lockstep/workspaces, each with the process that owns it."""

import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from lockstep.errors import DataError, MachineError
from lockstep.process import file_locks
from lockstep.process.process_ids import is_alive, process_name
from lockstep.storage import atomic_files, git, layout
from lockstep.storage.checkout import common_directory, folder_in_repository, main_checkout


def add(root: Path, commit: str = "HEAD") -> Path:
    """Return the project at a commit in a new worktree that belongs to this process.

    Worktrees of processes that were killed are removed. Raises MachineError if git can't add it.
    """
    _git(root, "var", "GIT_COMMITTER_IDENT")  # saving an experiment needs a committer
    with _new(root) as worktree:
        _git(root, "worktree", "add", "--quiet", "--detach", str(worktree), commit)
    return worktree / folder_in_repository(root)


def clone(root: Path, commit: str) -> Path:
    """Return the project at a commit in a new clone that belongs to this process.

    A clone has no snapshots and runs of the main checkout, and `remove` removes it too.
    """
    with _new(root) as folder:
        source = str(common_directory(root) or root)  # without git it names the folder
        _git(root, "clone", "--quiet", "--shared", "--no-checkout", source, str(folder))
    _git(folder, "checkout", "--quiet", "--detach", commit)
    return folder / folder_in_repository(root)


@contextmanager
def _new(root: Path) -> Iterator[Path]:
    """Yield the path of a new folder for this process, with the lock on git's directory."""
    folder = main_checkout(root) / layout.WORKSPACES / uuid.uuid4().hex[:12]
    with git_lock(root):
        _remove_orphaned(root)
        owner = {"process": process_name(), "host": platform.node(), "project": str(root)}
        atomic_files.write_json(_owner_file(folder), owner)
        yield folder


def remove(root: Path, workspace: Path) -> None:
    """Remove the worktree that the project `workspace` lies in."""
    with git_lock(root):
        _remove(root, workspace)


def keep(workspace: Path) -> None:
    """Let no later `add` remove the worktree."""
    _owner_file(workspace).unlink(missing_ok=True)


def project_of(workspace: Path) -> Path:
    """Return the checkout that a workspace was made from; a clone is its own."""
    owner = _owner_file(workspace)
    return Path(atomic_files.read_json(owner)["project"]) if owner.exists() else workspace


def left_over(root: Path) -> list[Path]:
    """Return the workspaces that failed runs have kept, and those of killed processes."""
    found = sorted((main_checkout(root) / layout.WORKSPACES).glob("*/"))
    return [each for each in found if each not in _in_use(root)]


def orphaned(root: Path) -> list[Path]:
    """Return the workspaces of processes of this machine that were killed."""
    owners = sorted((main_checkout(root) / layout.WORKSPACES).glob("*.owner.json"))
    return [file.with_name(file.name.partition(".")[0]) for file in owners if not _is_used(file)]


def are_in_use(root: Path) -> bool:
    """Return whether a run has a workspace of this checkout."""
    return bool(_in_use(root))


def _in_use(root: Path) -> set[Path]:
    owners = (main_checkout(root) / layout.WORKSPACES).glob("*.owner.json")
    return {file.with_name(file.name.partition(".")[0]) for file in owners if _is_used(file)}


def git_lock(root: Path) -> AbstractContextManager[None]:
    """Return a lock for changes to the list of worktrees in the git directory that all share."""
    return file_locks.held(main_checkout(root) / layout.GIT_LOCK)


def _git(root: Path, *arguments: str) -> None:
    """Run git; raises MachineError, with what a workspace needs, if it fails."""
    try:
        git.done(root, *arguments)
    except MachineError as error:
        needs = "a workspace needs a git checkout with a commit, user.name and user.email"
        raise MachineError(f"{error}; {needs}") from None


def _remove(root: Path, workspace: Path) -> None:
    worktree = top_of(workspace)
    with suppress(MachineError):  # git was killed while it made or removed the worktree
        # Twice: while git makes a worktree, it is locked.
        _git(root, "worktree", "remove", "--force", "--force", str(worktree))
    shutil.rmtree(worktree, ignore_errors=True)
    _git(root, "worktree", "prune")
    _owner_file(worktree).unlink(missing_ok=True)


def _owner_file(workspace: Path) -> Path:
    """Return the file with the process that uses a workspace, and the project it is made from."""
    worktree = top_of(workspace)
    return worktree.with_name(f"{worktree.name}.owner.json")


def top_of(workspace: Path) -> Path:
    """Return the top folder of a workspace's worktree or clone; the project may lie below."""
    inside = (workspace, *workspace.parents)
    of_worktrees = (each for each in inside if each.parent.match(str(layout.WORKSPACES)))
    return next(of_worktrees, workspace)  # a clone, on another machine


def _remove_orphaned(root: Path) -> None:
    """Remove workspaces whose process was killed; its results are in snapshots and the cache.

    On a volume that several machines or containers share, those of the others are left.
    """
    for workspace in orphaned(root):
        _remove(root, workspace)


def _is_used(owner_file: Path) -> bool:
    """Whether the process that owns a workspace is still running, or is on another machine."""
    try:
        owner = atomic_files.read_json(owner_file)
        here = owner.get("host", platform.node()) == platform.node()
        return not here or is_alive(owner["process"])
    except (ValueError, KeyError, AttributeError):
        raise DataError(
            f"{owner_file}: damaged, expected the process that owns the workspace; remove it if no "
            "run is going on"
        ) from None
