"""Temporary folders that can be told from those of other programs, after a kill too."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockstep.process.process_ids import is_alive, process_name

PREFIX = "lockstep"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield an empty folder for this process, below the system's, and remove it at the end."""
    # The host: machines and containers may share the system's folder, but no process ids.
    prefix = f"{PREFIX}-{platform.node()}-{process_name()}-"
    with tempfile.TemporaryDirectory(prefix=prefix) as folder:
        yield Path(folder)


def remove_abandoned() -> None:
    """Remove what killed processes have left."""
    for folder in abandoned():
        shutil.rmtree(folder, ignore_errors=True)


def abandoned() -> list[Path]:
    """Return this user's folders of processes of this machine that were killed."""
    found = Path(tempfile.gettempdir()).glob(f"{PREFIX}-{platform.node()}-*-*-*")
    return sorted(each for each in found if _is_own(each) and not is_alive(_process_of(each)))


def _is_own(folder: Path) -> bool:
    return folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid == os.getuid()


def _process_of(folder: Path) -> str:
    number, started = folder.name.removeprefix(f"{PREFIX}-{platform.node()}-").split("-")[:2]
    return f"{number}-{started}"
