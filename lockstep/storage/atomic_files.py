"""Files that are whole or absent, whatever happens while they are written."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to, which becomes `path` if the block ends well, or else is gone."""
    part = _part(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
        _sync(part)
        part.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise _named(error, path) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, which replaces `path` if the block ends well."""
    part, old = _part(path), _part(path.with_name(f"old-{path.name}"))
    for left in (part, old):
        shutil.rmtree(left, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        _sync_all(part)
        if path.exists():
            path.rename(old)  # an instant, where removing it would take a while
        part.rename(path)
        _sync(path.parent)
    except OSError as error:
        raise _named(error, path) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _named(error: OSError, path: Path) -> OSError:
    """An error that says where: writing to a full disk doesn't."""
    error.filename = error.filename or str(path)
    return error


def write_text(path: Path, text: str) -> None:
    """Write a whole text file."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a whole JSON file, indented, its keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256(path: Path) -> str:
    """Return a file's sha256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _part(path: Path) -> Path:
    # The suffix stays: Keras and matplotlib choose the format by it.
    return path.with_name(f".part-{path.name}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_all(folder: Path) -> None:
    """What is in a folder, however deep, and then the folder that names it."""
    for inner in folder.iterdir():
        if inner.is_dir():
            _sync_all(inner)
        else:
            _sync(inner)
    _sync(folder)
