"""Left-over files of this machine: workspaces, snapshots, temporary folders, damaged files."""

import glob
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from lockstep.errors import UnavailableError
from lockstep.process import temporary_folders
from lockstep.storage import layout
from lockstep.storage.checkout import folder_in_repository, main_checkout
from pipelines import checkout_lock, worktrees
from pipelines.leftovers import idle
from pipelines.leftovers.leftover import Leftovers, of_files

PARTS = ("report", "data", "weights", layout.PRIVATE, ".")  # where stages write to
SETTLED_SECONDS = 3600.0  # a living writer's next change comes much sooner


def find(root: Path) -> Iterator[Leftovers]:
    """Yield all of them; what a running process uses is left out."""
    main = main_checkout(root)
    for workspace in worktrees.left_over(root):
        if not checkout_lock.holder(workspace / folder_in_repository(root)):
            remove = partial(_remove_workspace, root, workspace)
            yield of_files("workspace", _name(workspace, main), [workspace], remove)
    for kind, folder in (("snapshots", layout.SNAPSHOTS), ("download", layout.DOWNLOADS)):
        yield from _locked(kind, sorted((main / folder).glob("*.lock")), main)
    for folder in temporary_folders.abandoned():
        yield _folder("temporary folder", folder, main)
    for folder in filter(Path.is_dir, [main / layout.DAMAGED]):
        yield _folder("damaged files", folder, main)


def half_written(root: Path) -> Iterator[Leftovers]:
    """Yield files and folders that were killed before they got their name.

    Raises UnavailableError if something is running that may be writing them. A stage that was
    started by hand holds no lock, so what has changed of late is left out.
    """
    idle.check(root)
    main = main_checkout(root)
    parts = (part for folder in PARTS for part in sorted((main / folder).glob(".part-*")))
    for part in filter(_is_settled, parts):
        kind = "half-written folder" if part.is_dir() else "half-written file"
        yield of_files(kind, _name(part, main), [part], partial(_remove_part, root, part))


def _remove_workspace(root: Path, workspace: Path) -> None:
    # A person may have answered late, and look for the failure with `dvc repro` by now.
    idle.check_checkout(workspace / folder_in_repository(root))
    worktrees.remove(root, workspace)


def _locked(kind: str, locks: Sequence[Path], main: Path) -> Iterator[Leftovers]:
    """Snapshots that nobody has resumed, interrupted downloads, and the locks of all others."""
    empty = []
    for lock in filter(_is_free, locks):
        files = _files_of(lock)
        if files:
            yield of_files(kind, _name(files[0], main), files, partial(_remove_locked, lock))
        else:
            empty.append(lock)
    if empty:
        name = f"{len(empty)} in {_name(empty[0].parent, main)}"
        yield of_files("lock files", name, [], partial(_remove_all_locked, empty))


def _remove_all_locked(locks: Sequence[Path]) -> None:
    for lock in locks:
        _remove_locked(lock)


def _is_free(lock: Path) -> bool:
    with suppress(Timeout), FileLock(lock, timeout=0):
        return True
    return False


def _files_of(lock: Path) -> list[Path]:
    """What a lock protects: the files and folders whose names begin with its own."""
    stem = lock.name.removesuffix(lock.suffix)
    return [each for each in sorted(lock.parent.glob(f"{glob.escape(stem)}*")) if each != lock]


def _remove_locked(lock: Path) -> None:
    with suppress(Timeout), FileLock(lock, timeout=0):
        for each in _files_of(lock):
            _remove(each)
        lock.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _folder(kind: str, folder: Path, main: Path) -> Leftovers:
    return of_files(kind, _name(folder, main), [folder], partial(_remove, folder))


def _is_settled(part: Path) -> bool:
    """Whether nothing in it has changed for a while.

    By the time that the system sets: files that are unpacked or copied get an earlier one.
    """
    try:
        changed = max(each.lstat().st_ctime for each in (part, *part.rglob("*")))
    except FileNotFoundError:  # somebody is renaming or removing it
        return False
    return time.time() - changed >= SETTLED_SECONDS


def _remove_part(root: Path, part: Path) -> None:
    idle.check(root)  # something may have begun since it was found
    if part.exists() and not _is_settled(part):
        raise UnavailableError(f"{part}: has just changed; run again when its writer has ended")
    _remove(part)


def _name(path: Path, main: Path) -> str:
    return str(path.relative_to(main)) if path.is_relative_to(main) else str(path)
