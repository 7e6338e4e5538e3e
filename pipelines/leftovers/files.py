"""Left-over files of this machine: workspaces, snapshots, temporary folders, damaged files."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from lockstep.process import temporary_folders
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from pipelines import worktrees
from pipelines.leftovers.leftover import Leftovers, of_files

PARTS = ("report", "data", "weights", layout.PRIVATE, ".")  # where stages write to


def find(root: Path) -> Iterator[Leftovers]:
    """Yield all of them; what a running process uses is left out."""
    main = main_checkout(root)
    for workspace in worktrees.left_over(root):
        remove = partial(worktrees.remove, root, workspace)
        yield of_files("workspace", _name(workspace, main), [workspace], remove)
    for lock in sorted((main / layout.SNAPSHOTS).glob("*.lock")):
        yield from _snapshots(lock, main)
    for folder in temporary_folders.abandoned():
        yield _folder("temporary folder", folder, main)
    for folder in filter(Path.is_dir, [main / layout.DAMAGED]):
        yield _folder("damaged files", folder, main)
    if not worktrees.are_in_use(root):
        yield from _half_written(main)


def _snapshots(lock: Path, main: Path) -> Iterator[Leftovers]:
    """Those of a training that nobody has resumed, or the empty lock of one that has finished."""
    folder = lock.with_suffix("")
    with suppress(Timeout), FileLock(lock, timeout=0):
        kind = "snapshots" if folder.is_dir() else "lock file"
        remove = partial(_remove_locked, lock, folder)
        yield of_files(kind, _name(folder if folder.is_dir() else lock, main), [folder], remove)


def _remove_locked(lock: Path, folder: Path) -> None:
    with suppress(Timeout), FileLock(lock, timeout=0):
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)


def _folder(kind: str, folder: Path, main: Path) -> Leftovers:
    remove = partial(shutil.rmtree, folder, ignore_errors=True)
    return of_files(kind, _name(folder, main), [folder], remove)


def _half_written(main: Path) -> Iterator[Leftovers]:
    """Files and folders that were killed before they got their name."""
    for folder in PARTS:
        for part in sorted((main / folder).glob(".part-*")):
            if part.is_dir():
                yield _folder("half-written folder", part, main)
            else:
                yield of_files("half-written file", _name(part, main), [part], part.unlink)


def _name(path: Path, main: Path) -> str:
    return str(path.relative_to(main)) if path.is_relative_to(main) else str(path)
