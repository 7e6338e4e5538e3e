"""The dvc.lock of a checkout: whether it is whole, and a copy to come back to if it isn't."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lockstep.errors import DataError, LockstepError
from lockstep.storage import atomic_files, layout
from lockstep.storage.history import read_at
from lockstep.versioning import git_merging, locks
from lockstep.versioning.lock_text import parse_checkouts_lock, parse_lock

PATIENCE_SECONDS, EVERY_SECONDS = 2.0, 0.1
SET_ASIDE = layout.DAMAGED / "dvc.lock"


def check(root: Path) -> None:
    """Raise DataError unless dvc.lock is whole or missing; keep a copy of a whole one.

    While another DVC command runs here, it is read again for a moment: DVC empties the file before
    it writes it.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while locks.holder(root) and time.monotonic() < deadline:
        with suppress(DataError):
            _check(root)
            return
        time.sleep(EVERY_SECONDS)
    _check(root)


def keep(root: Path) -> None:
    """Keep a copy of dvc.lock, which a stage that succeeded has just changed."""
    with suppress(DataError):
        _check(root)


def restore_lock(root: Path) -> str:
    """Bring a whole dvc.lock back, and return in a sentence what was done; empty if it is whole.

    A merge's conflicts in results are ended too. Otherwise the copy that was kept is taken, or else
    the dvc.lock of HEAD; without one, DVC makes a new one. The broken one is set aside. Raises
    MachineError if the file can't be written.
    """
    ended = git_merging.resolve(root)
    problem = _problem(root)
    if not problem:
        rest = "; `dvc repro` restores or runs what is no longer up to date"
        return f"merged: {', '.join(ended)}{rest}" if ended else ""
    lock, aside = root / layout.LOCK, root / SET_ASIDE
    with atomic_files.whole_file(aside) as part:
        part.write_bytes(lock.read_bytes())
    where = f"the broken one is {SET_ASIDE}; `dvc repro` restores or runs what it lacks"
    for source, text in _good_ones(root):
        atomic_files.write_text(lock, text)
        return f"{layout.LOCK}: is {source} again; {where}"
    lock.unlink()
    return f"{layout.LOCK}: removed, since there is no good one; {where}"


def _check(root: Path) -> None:
    lock, copy = root / layout.LOCK, root / layout.LOCK_COPY
    if not lock.exists():
        return
    content, kept = lock.read_bytes(), _text_of(copy)
    if content == kept.encode() and kept:
        return  # parsing takes tens of milliseconds
    parse_checkouts_lock(content, kept)
    # Another process may keep it now, and a checkout may be read-only: a later one will.
    with suppress(OSError, LockstepError):
        atomic_files.write_text(copy, content.decode("utf-8"))


def _problem(root: Path) -> str:
    try:
        _check(root)
    except DataError as error:
        return str(error)
    return ""


def _good_ones(root: Path) -> Iterator[tuple[str, str]]:
    """Yield where a whole dvc.lock is, and its text, the best first."""
    kept, head = _text_of(root / layout.LOCK_COPY), read_at(root, "HEAD", layout.LOCK)
    for source, text in (("the last good one", kept), ("that of HEAD", head)):
        whole = f"{text.rstrip()}\n" if text.strip() else ""
        with suppress(DataError):
            if parse_lock(whole):
                yield source, whole


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
