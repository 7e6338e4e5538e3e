"""Who holds DVC's locks of a project, so that a second command can say so."""

import fcntl
import json
import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from lockstep.errors import UnavailableError
from lockstep.process.process_ids import process_name

TMP = Path(".dvc", "tmp")
ANOTHER = "another DVC command"
LOCK, RWLOCK, RWLOCK_LOCK = TMP / "lock", TMP / "rwlock", TMP / "rwlock.lock"


def check(root: Path) -> None:
    """Raise UnavailableError if another process holds DVC's locks.

    The list of locks is removed if a killed process has left it half-written, which DVC couldn't
    read, or if it lists only ended processes, whose ids others may have now.
    """
    if is_stale(root):
        (root / RWLOCK).unlink(missing_ok=True)
    if found := holder(root):
        raise in_use(root, found)


def is_stale(root: Path) -> bool:
    """Return whether DVC's list of locks is half-written, or names only ended processes."""
    file = root / RWLOCK
    there = file.exists() and not any(_entries(root)) and not _is_held(root / RWLOCK_LOCK)
    return there and not _is_empty(file)


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
            return described(pid, command)
    if not _is_held(root / LOCK):
        return ""
    written = (root / LOCK).read_text(encoding="utf-8").split()  # empty for a moment at first
    return described(int(written[0]), _command_of(int(written[0]))) if written else ANOTHER


def described(pid: int, command: str) -> str:
    """Return `command (process 123)`, with the program's name instead of its path."""
    program, *rest = command.split(" ")
    name = "lockstep" if program.endswith("pipelines/cli/__main__.py") else Path(program).name
    return f"`{' '.join([name, *rest])}` (process {pid})"


def _entries(root: Path) -> Iterator[tuple[int, str]]:
    """The process and the command of each entry in DVC's list of locked paths that is valid."""
    try:
        entries = json.loads((root / RWLOCK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    readers = chain.from_iterable(entries.get("read", {}).values())
    for each in chain(entries.get("write", {}).values(), readers):
        if process_name(each["pid"]) and _is_command(each["pid"], each["cmd"]):
            yield each["pid"], each["cmd"]


def _is_command(pid: int, command: str) -> bool:
    """Whether the process runs this command, and isn't another one that has got its id."""
    program = Path(command.partition(" ")[0])
    name = program.parent.name if program.stem == "__main__" else program.stem
    return name in _command_of(pid)


def _is_empty(file: Path) -> bool:
    """Whether the list can be read, and has no entries: DVC leaves such a one."""
    try:
        return not any(json.loads(file.read_text(encoding="utf-8")).values())
    except (OSError, ValueError, AttributeError):
        return False


def _is_held(lock: Path) -> bool:
    """Whether a process has locked this file; the kernel releases the locks of killed ones."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _command_of(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ANOTHER
    script = [word for word in words[1:] if not word.startswith("-")]
    return " ".join(script or words).strip()
