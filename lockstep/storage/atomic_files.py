"""Atomic writes: a crash while writing leaves no partial file or folder at the final path."""

import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lockstep.storage import disk


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; it replaces `path` unless the block raises."""
    part = _part(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        _sync(part)
        part.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise disk.explained(error, part, path) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder to write to; it replaces `path` unless the block raises."""
    part, old = _part(path), _part(path.with_name(f"old-{path.name}"))
    for leftover in (part, old):
        shutil.rmtree(leftover, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        _sync_all(part)
        if path.exists():
            path.rename(old)  # a rename is fast, deleting the old folder isn't
        part.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise disk.explained(error, part, path) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder beside `path` that is removed at the end, or by the next call."""
    scratch = _part(path.with_name(f"scratch-{path.name}"))
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def unused_path(folder: Path, stem: str, suffix: str = "") -> Path:
    """Return the path with the first number, from 1, that nothing has yet.

    What has a name may be mapped by somebody, or be the only copy.
    """
    paths = (folder / f"{stem}{number}{suffix}" for number in itertools.count(1))
    return next(each for each in paths if not each.exists())


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file atomically, indented, with its keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the parsed contents of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    """Return a file's sha256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def md5(path: Path) -> str:
    """Return a file's md5, in hex, as DVC has it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _part(path: Path) -> Path:
    # The suffix is kept: Keras and matplotlib choose the file format by it.
    return path.with_name(f".part-{path.name}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_all(folder: Path) -> None:
    """Sync a folder's contents recursively, then the folder itself."""
    for inner in folder.iterdir():
        if inner.is_dir():
            _sync_all(inner)
        else:
            _sync(inner)
    _sync(folder)
