"""Checks of DVC's cache: the md5 of what came out of it, and the space for what goes into it.

DVC trusts a read-only file in its cache, and what it restores from there, without reading it.
"""

import json
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from dvc.stage import Stage

from lockstep.errors import DataError
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from lockstep.storage.disk import require_space
from lockstep.versioning.repository import read_repository

BLOCK = 4096  # bytes, on most disks
Signature = list[str | int]  # of a file's bytes: md5, inode, size, times of change


def verify_inputs(root: Path, stage: str, *, again: bool = False) -> None:
    """Check the inputs of a stage that other stages made; raises DataError for damaged ones.

    A file that hasn't changed since it was last checked is checked only if `again`. Files whose
    hash DVC doesn't know are left out: DVC itself reads them.
    """
    if not (root / layout.LOCK).exists():
        return  # no stage has run under DVC
    with read_repository(root) as repo:
        deps = [dep for each in _stages(repo, stage) for dep in each.deps]
        made = [Path(out.fs_path) for out in repo.index.outs if out.use_cache]
        _verify(
            repo,
            root,
            (
                file
                for dep in deps
                if not isinstance(dep, ParamsDependency)
                for file in _files(Path(dep.fs_path))
                if any(file.is_relative_to(out) for out in made)
            ),
            again=again,
        )


def verify_outputs(root: Path, stage: str | None = None) -> None:
    """Check the outputs of a stage, or of all stages; raises DataError for damaged ones."""
    with read_repository(root) as repo:
        outs = [out for each in _stages(repo, stage) for out in each.outs if out.use_cache]
        _verify(repo, root, (file for out in outs for file in _files(Path(out.fs_path))))


def require_cache_space(root: Path, stage: str) -> None:
    """Raise MachineError if DVC's cache has no room for the outputs of a stage.

    DVC only prints that it couldn't copy a file to its cache; the stage would count as done.
    """
    with read_repository(root) as repo:
        outs = [out for each in _stages(repo, stage) for out in each.outs if out.use_cache]
        cache = Path(repo.cache.local_cache_dir)
    files = (file for out in outs for file in _files(Path(out.fs_path)))
    require_space(cache, sum(_space_of(file.stat().st_size) for file in files))


def _space_of(size: int) -> int:
    """What a file takes on a disk: whole blocks, and one for its folder in the cache."""
    return (-(-size // BLOCK) + 1) * BLOCK


def _stages(repo: Repo, name: str | None) -> list[Stage]:
    return [each for each in repo.index.stages if name in (None, getattr(each, "name", None))]


def _files(path: Path) -> Iterator[Path]:
    inside = path.rglob("*") if path.is_dir() else [path]
    yield from (each for each in inside if each.is_file())


def _verify(repo: Repo, root: Path, files: Iterable[Path], *, again: bool = False) -> None:
    record = root / layout.VERIFIED
    known: dict[str, Signature] = json.loads(record.read_text()) if record.exists() else {}
    unread = [
        (file, md5)
        for file, md5 in _believed(repo, files)
        if again or known.get(str(file)) != _signature(file, md5)
    ]
    with ThreadPoolExecutor() as threads:  # hashing runs outside of Python's lock
        actual = list(threads.map(atomic_files.md5, (file for file, _ in unread)))
    read = [(*each, now) for each, now in zip(unread, actual, strict=True)]
    found = known | {str(file): _signature(file, md5) for file, md5, now in read if now == md5}
    damaged = [each for each in read if each[1] != each[2]]
    if damaged:
        _set_aside(repo, root, damaged)
    if found != known:
        there = {name: each for name, each in found.items() if Path(name).exists()}
        atomic_files.write_text(record, json.dumps(there))


def _believed(repo: Repo, files: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Each file with the md5 that DVC has noted for it, and doesn't compute again."""
    fs = repo.cache.local.fs
    for file in files:
        _, noted = repo.state.get(str(file), fs)
        if noted and noted.name == "md5":
            yield file, noted.value


def _signature(file: Path, md5: str) -> Signature:
    stat = file.stat()
    return [md5, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _set_aside(repo: Repo, root: Path, damaged: list[tuple[Path, str, str]]) -> None:
    """Move damaged files, and their objects in the cache, out of DVC's way; raise DataError."""
    folder = main_checkout(root) / layout.DAMAGED
    folder.mkdir(parents=True, exist_ok=True)
    for file, md5, _ in damaged:
        cached = Path(repo.cache.local.oid_to_path(md5))
        if cached.exists() and atomic_files.md5(cached) != md5:
            shutil.move(cached, folder / md5)
        file.unlink(missing_ok=True)
    file, md5, actual = damaged[0]
    others = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
    raise DataError(
        f"{file}{others}: got md5 {actual}, expected {md5} as DVC recorded it: damaged in DVC's "
        f"cache. It was moved to {folder}; `dvc pull` fetches it from a remote, otherwise the same "
        "command, run again, rebuilds it"
    )
