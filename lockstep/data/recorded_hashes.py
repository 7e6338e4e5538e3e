"""Files whose publisher gives no hash: what they were at first, in .lockstep/first-hashes.json."""

from pathlib import Path
from typing import Any

from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout

Known = tuple[int | None, str | None]


def before(root: Path, address: str) -> Known:
    """Return the size and sha256 that a file had when it was first downloaded, or None twice."""
    found = _all(root).get(address)
    return (found["size"], found["sha256"]) if found else (None, None)


def note(root: Path, address: str, path: Path) -> str:
    """Note a file's size and sha256 unless they are; returns a sentence about it."""
    size, sha256 = before(root, address)
    if sha256 is not None:
        return f"{path.name}: {size:,} bytes, sha256 {sha256} as at its first download"
    found = {"size": path.stat().st_size, "sha256": atomic_files.sha256(path)}
    atomic_files.write_json(_place(root), {**_all(root), address: found})
    return (
        f"{path.name}: no hash is published; {found['size']:,} bytes, sha256 {found['sha256']} "
        "noted, and expected from now on"
    )


def _all(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = atomic_files.read_json(_place(root)) if _place(root).exists() else {}
    return found


def _place(root: Path) -> Path:
    return main_checkout(root) / layout.RECORDED_HASHES
