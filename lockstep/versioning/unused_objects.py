"""The files of DVC's cache that nothing needs any more.

DVC's own `gc` doesn't know of registered models, and reads each commit's dvc.yaml: one that it
can't read ends it. Here any text of a dvc.lock or .dvc file will do, a torn one too.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dvc.dvcfile import LOCK_FILE
from dvc.repo import Repo
from dvc_data.hashfile.hash_info import HashInfo
from dvc_data.hashfile.tree import ObjectFormatError, Tree

from lockstep.errors import DataError
from lockstep.storage.checkout import main_checkout, worktrees_of
from lockstep.storage.git_objects import read_objects
from lockstep.storage.history import blobs_of_all_commits
from lockstep.versioning.repository import open_repository

MD5 = re.compile(rb"\b[0-9a-f]{32}(?:\.dir)?\b")
ENDINGS = (LOCK_FILE, ".dvc")  # of the files that record hashes
SKIPPED = (".git", ".dvc", ".venv", ".lockstep")  # worktrees in .lockstep are looked at themselves
FOLDER = ".dir"  # the end of a folder's hash


def recorded_md5s(root: Path, left_over: Sequence[Path] = ()) -> set[str]:
    """Return the hashes in dvc.lock and .dvc files of all commits, experiments and worktrees.

    `left_over` are worktrees that nobody needs.
    """
    skipped = [each.resolve() for each in left_over]
    there = [each.resolve() for each in worktrees_of(root)]
    used = [each for each in there if not any(each.is_relative_to(x) for x in skipped)]
    stored = (
        content
        for _, content in read_objects(
            root, blobs_of_all_commits(root, [f"*{each}" for each in ENDINGS])
        )
    )
    return {md5.decode() for text in (*stored, *_texts_in(used)) for md5 in MD5.findall(text)}


def find(root: Path, needed: Iterable[str]) -> list[Path]:
    """Return the files of the main checkout's own cache that aren't needed, and their entries.

    `needed` has the md5 of files and folders. Raises DataError if a needed folder's list of files
    can't be read: nothing is known then.
    """
    with open_repository(main_checkout(root)) as repo:
        keep = set(_with_contents(repo, needed))
        cache = repo.cache.local
        unused = {md5: Path(cache.oid_to_path(md5)) for md5 in cache.all() if md5 not in keep}
        return [*unused.values(), *_entries(repo, unused.keys())]


def _texts_in(worktrees: Sequence[Path]) -> Iterator[bytes]:
    for worktree in worktrees:
        for folder, folders, names in os.walk(worktree):
            folders[:] = [each for each in folders if each not in SKIPPED]
            files = (Path(folder, name) for name in names if name.endswith(ENDINGS))
            yield from (each.read_bytes() for each in files if each.is_file())


def _with_contents(repo: Repo, needed: Iterable[str]) -> Iterator[str]:
    for md5 in needed:
        yield md5
        path = Path(repo.cache.local.oid_to_path(md5))
        if md5.endswith(FOLDER) and path.exists():
            yield from (each.value for each in _contents(repo, md5, path) if each.value)


def _contents(repo: Repo, md5: str, path: Path) -> Iterator[HashInfo]:
    try:
        for _, _, each in Tree.load(repo.cache.local, HashInfo("md5", md5)):
            yield each
    except (ObjectFormatError, FileNotFoundError):
        raise DataError(
            f"{path}: damaged, expected the list of a folder's files: `lockstep doctor --fix` "
            "moves it out of the cache"
        ) from None


def _entries(repo: Repo, unused: Iterable[str]) -> Iterator[Path]:
    """The run cache's entries, with whose outputs DVC could restore no stage any more."""
    gone = set(unused)
    for file in sorted(Path(repo.stage_cache.cache_dir).glob("*/*/*")):
        found = {md5.decode() for md5 in MD5.findall(file.read_bytes())}
        if found & gone:
            yield file
