"""Who holds DVC's locks of a project, so that a second command can say so."""

import fcntl
import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from lockstep.errors import UnavailableError
from lockstep.process import commands, file_locks
from lockstep.process.process_ids import process_name
from lockstep.storage import atomic_files

TMP = Path(".dvc", "tmp")
ANOTHER = "another DVC command"
Entry = dict[str, Any]  # {"pid": 123, "cmd": "dvc repro"}
Listed = dict[str, Any]
LOCK, RWLOCK, RWLOCK_LOCK = TMP / "lock", TMP / "rwlock", TMP / "rwlock.lock"


def check(root: Path) -> None:
    """Raise UnavailableError if another process holds DVC's locks."""
    drop_ended(root)
    if found := holder(root):
        raise in_use(root, found)


def drop_ended(root: Path) -> None:
    """Take ended processes out of DVC's list of locks: others may get their ids.

    A list that a killed process has left half-written, which DVC couldn't read, becomes empty. DVC
    itself takes out only what is in its way.
    """
    if is_stale(root):
        with (root / RWLOCK_LOCK).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            atomic_files.write_text(root / RWLOCK, json.dumps(_living(_listed(root))))


def is_stale(root: Path) -> bool:
    """Return whether DVC's list of locks can't be read, or names ended processes."""
    if not (root / RWLOCK).exists() or file_locks.is_held(root / RWLOCK_LOCK):
        return False
    listed = _listed(root)
    return listed is None or _living(listed) != listed


def in_use(root: Path, holder: str) -> UnavailableError:
    """Return the error for a project in which another command is running."""
    return UnavailableError(
        f"{root}: {holder} is running here; start again when it has ended, or give overrides, "
        "which run beside it"
    )


def holder(root: Path) -> str:
    """Return the command and the process that holds DVC's locks, or an empty string."""
    for pid, command in _entries(root):
        if pid != os.getpid():
            return commands.described(pid, command)
    if not file_locks.is_held(root / LOCK):
        return ""
    written = (root / LOCK).read_text(encoding="utf-8").split()  # empty for a moment at first
    command = commands.command_of(int(written[0])) if written else ""
    return commands.described(int(written[0]), command) if command else ANOTHER


def _entries(root: Path) -> Iterator[tuple[int, str]]:
    """The process and the command of each entry of a living process in DVC's list of locks."""
    for each in _all(_living(_listed(root))):
        yield each["pid"], each["cmd"]


def _all(listed: Listed) -> Iterator[Entry]:
    return chain(listed.get("write", {}).values(), *listed.get("read", {}).values())


def _listed(root: Path) -> Listed | None:
    """DVC's list of locks: who writes a path, and all who read it; None if it can't be read."""
    try:
        found = json.loads((root / RWLOCK).read_text(encoding="utf-8"))
        valid = all(isinstance(x["pid"], int) and isinstance(x["cmd"], str) for x in _all(found))
    except (OSError, ValueError, AttributeError, TypeError, KeyError):
        return None
    return found if valid else None


def _living(listed: Listed | None) -> Listed:
    """The entries of processes that haven't ended."""
    listed = listed or {}
    writers = {path: each for path, each in listed.get("write", {}).items() if _lives(each)}
    read = listed.get("read", {}).items()
    readers = {path: [each for each in entries if _lives(each)] for path, entries in read}
    found = {"write": writers, "read": {path: each for path, each in readers.items() if each}}
    return {name: each for name, each in found.items() if name in listed}


def _lives(entry: Entry) -> bool:
    """Whether an entry's process runs its command, and isn't another one that has got its id."""
    program = Path(entry["cmd"].partition(" ")[0])
    name = program.parent.name if program.stem == "__main__" else program.stem
    # All words: the name of a program that was given as `python -c` is "-c".
    words = " ".join(commands.words_of(entry["pid"]))
    return bool(process_name(entry["pid"])) and name in words
