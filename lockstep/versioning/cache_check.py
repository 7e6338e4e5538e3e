"""Read whole caches again: DVC trusts a file in its cache, and on a remote, without reading it."""

import hashlib
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from dvc_data.hashfile.db import get_index

from lockstep.process import console
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from lockstep.versioning.repository import open_repository

FOLDER = ".dir"  # the end of a folder's hash
CHUNK = 1 << 20


class Damaged(NamedTuple):
    """A file whose md5 isn't its name."""

    path: str
    md5: str  # as DVC has it, with .dir for the list of a folder's files


def damaged_in_cache(root: Path) -> list[Damaged]:
    """Return the damaged files of a checkout's cache, after reading all of it."""
    with open_repository(root) as repo:
        return _damaged(repo.cache.local, lambda path: atomic_files.md5(Path(path)), "DVC's cache")


def damaged_on_remote(root: Path) -> list[Damaged]:
    """Return the damaged files of the default remote, after reading all of it."""
    with open_repository(root) as repo:
        store = repo.cloud.get_remote_odb()
        return _damaged(store, lambda path: _md5(store.fs, path), "the DVC remote")


def set_aside(root: Path, damaged: Damaged) -> None:
    """Move a damaged file out of the cache: DVC fetches it, or its stage makes it again."""
    folder = main_checkout(root) / layout.DAMAGED
    folder.mkdir(parents=True, exist_ok=True)
    if Path(damaged.path).exists():
        shutil.move(damaged.path, folder / damaged.md5)


def remove_from_remote(root: Path, damaged: Damaged) -> None:
    """Remove a damaged file from the default remote, so that `dvc push` sends it again."""
    with open_repository(root) as repo:
        store = repo.cloud.get_remote_odb()
        store.delete(damaged.md5)
        get_index(store).clear()  # DVC would believe its list of what it has pushed


def _damaged(store: Any, md5_of: Any, name: str) -> list[Damaged]:
    stored = [(str(store.oid_to_path(md5)), md5) for md5 in store.all()]
    with ThreadPoolExecutor() as threads, console.count_bar(name, len(stored)) as advance:
        return list(_differing(stored, threads.map(md5_of, (path for path, _ in stored)), advance))


def _differing(stored: list[tuple[str, str]], actual: Any, advance: Any) -> Iterator[Damaged]:
    for (path, md5), now in zip(stored, actual, strict=True):
        advance(1)
        if now != md5.removesuffix(FOLDER):
            yield Damaged(path, md5)


def _md5(fs: Any, path: str) -> str:
    found = hashlib.md5(usedforsecurity=False)
    with fs.open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
