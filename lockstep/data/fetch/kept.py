"""Downloads in .lockstep/ of the main checkout, until DVC has recorded the stage that wants them.

There an interrupted download goes on, in any workspace, and a whole file is found again if the
stage was killed before DVC recorded its result.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

from lockstep.data.fetch.files import fetch_file
from lockstep.process import file_locks
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from lockstep.storage.copies import copy_file

OTHERS = (".lock", ".part", ".part.json", ".bad")


def locked(path: Path) -> AbstractContextManager[None]:
    """Keep other processes from downloading the same file meanwhile."""
    return file_locks.held(path.with_name(f"{path.name}.lock"))


def fetch(
    addresses: tuple[str, ...],
    name: str,
    target: Path,
    root: Path,
    size: int | None,
    sha256: str | None,
    on_bytes: Callable[[int], object],
) -> None:
    """Download a file as `fetch_file` does, and link or copy it to `target`."""
    kept = _folder(root) / f"{hashlib.sha256(addresses[0].encode()).hexdigest()[:8]}-{name}"
    with locked(kept):
        fetch_file(addresses, name, kept, size, sha256, on_bytes)
        try:
            os.link(kept, target)
        except OSError:  # on another disk, or one without links
            copy_file(kept, target)


def remove_recorded(root: Path) -> None:
    """Remove the whole files that are in data/raw now, which DVC has recorded."""
    folder = _folder(root)
    for kept in folder.iterdir() if folder.is_dir() else ():
        raw = root / layout.RAW / kept.name.partition("-")[2]
        if raw.is_file() and not kept.name.endswith(OTHERS):
            with suppress(OSError), locked(kept):
                if atomic_files.sha256(kept) == atomic_files.sha256(raw):
                    kept.unlink()


def _folder(root: Path) -> Path:
    return main_checkout(root) / layout.DOWNLOADS
