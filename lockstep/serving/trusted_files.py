"""Which files with a whole model this checkout may load: what it exported itself, or imported.

A model is a program. .lockstep/models.json of the main checkout has the sha256 of each such file.
"""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lockstep.errors import DataError
from lockstep.process import file_locks
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout


def trust(root: Path, path: Path, sha256: str, how: str) -> None:
    """Record that a file may be loaded; `how` says why: exported or imported."""
    entry = {"path": str(path.resolve()), "how": how, "at": datetime.now(UTC).isoformat()}
    with file_locks.held(_file(root).with_suffix(".lock")):  # others record theirs
        atomic_files.write_json(_file(root), {**_read(root), sha256: entry})


def check_trusted(root: Path, path: Path) -> None:
    """Raise DataError for a file or folder that was neither exported nor imported here."""
    if content_sha256(path) not in _read(root):
        fix = (
            f"`lockstep import {path}` opens it in a process with limits, and allows it then"
            if path.suffix == ".keras"
            else "export a .keras file instead, which `lockstep import` can check, or weights"
        )
        raise DataError(
            f"{path}: this checkout hasn't exported it, and a model of others is code; {fix}"
        )


def content_sha256(path: Path) -> str:
    """Return the sha256 of a file, or of the names and contents of a folder's files."""
    if not path.is_dir():
        return atomic_files.sha256(path)
    total = hashlib.sha256()
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        total.update(f"{file.relative_to(path)}\0{atomic_files.sha256(file)}\0".encode())
    return total.hexdigest()


def _read(root: Path) -> dict[str, Any]:
    try:
        found = atomic_files.read_json(_file(root))
    except (OSError, ValueError):  # none yet
        return {}
    return found if isinstance(found, dict) else {}


def _file(root: Path) -> Path:
    return main_checkout(root) / layout.TRUSTED
