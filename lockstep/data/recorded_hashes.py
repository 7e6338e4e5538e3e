"""Sizes and hashes of first downloads, in .lockstep/first-hashes.json.

They are for files whose publisher gives no hash.
"""

from pathlib import Path
from typing import Any

from lockstep.process import file_locks
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout

Known = tuple[int | None, str | None]


def recorded(root: Path, address: str) -> Known:
    """Return the size and sha256 of a file's first download, or (None, None)."""
    found = _read(root).get(address)
    return (found["size"], found["sha256"]) if found else (None, None)


def record(root: Path, address: str, path: Path) -> str:
    """Record a file's size and sha256 unless they are; returns a sentence for the console."""
    size, sha256 = recorded(root, address)
    if sha256 is not None:
        return f"{path.name}: {size:,} bytes, sha256 {sha256} as at its first download"
    found = {"size": path.stat().st_size, "sha256": atomic_files.sha256(path)}
    with file_locks.held(_file(root).with_suffix(".lock")):  # others record theirs
        atomic_files.write_json(_file(root), {address: found, **_read(root)})
    return (
        f"{path.name}: no hash is published; {found['size']:,} bytes, sha256 {found['sha256']} "
        "recorded, and expected from now on"
    )


def _read(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = atomic_files.read_json(_file(root)) if _file(root).exists() else {}
    return found


def _file(root: Path) -> Path:
    return main_checkout(root) / layout.RECORDED_HASHES
