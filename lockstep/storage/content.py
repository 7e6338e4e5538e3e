"""One hash of a project's file or folder, without the files that .dvcignore excludes."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from lockstep.storage.atomic_files import sha256

ENGINE = Path(__file__).parents[2]  # the folder with `lockstep/`: the project, or site-packages


def content_sha256(root: Path, name: str) -> str:
    """Return the sha256, in hex, of a file, or over the paths and contents of a folder's files.

    `name` is a path within the project, or absolute. For a path in `lockstep/` that the project
    doesn't have, the installed package is read.
    """
    path = _path_of(root, name)
    if path.is_file():
        return sha256(path)
    total = hashlib.sha256()
    for file in files_in(root, name):
        total.update(f"{file}\0{sha256(path / file)}\0".encode())
    return total.hexdigest()


def _path_of(root: Path, name: str) -> Path:
    return (ENGINE if is_of_installed_engine(root, name) else root) / name


def is_of_installed_engine(root: Path, name: str) -> bool:
    """Return whether a path is in `lockstep/` and the project has no such file or folder."""
    return name.startswith("lockstep/") and not (root / name).exists()


def files_in(root: Path, name: str) -> Iterator[str]:
    """Yield the sorted relative paths of the files in a folder that DVC would hash."""
    folder = _path_of(root, name)
    ignore = root / ".dvcignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.exists() else ()
    ignored = GitIgnoreSpec.from_lines(["__pycache__/", *lines])
    files = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    yield from (file for file in files if not ignored.match_file(f"{name}/{file}"))
