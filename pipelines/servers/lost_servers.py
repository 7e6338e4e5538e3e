"""Processes of `make up` that nothing would stop: it was killed, and its orphan killer too."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from lockstep.process import commands
from pipelines.servers.orphan_killer import NAME

KILLER = "pipelines.servers.orphan_killer"


def find(main: Path) -> dict[str, list[int]]:
    """Return the processes that work in a checkout, by the mark that stops them."""
    watched = {words[-1] for words in map(commands.words_of, _all()) if KILLER in words[:-2]}
    found: dict[str, list[int]] = {}
    for process in _all():
        mark = _mark_of(process)
        if mark and mark not in watched and _works_in(process, main):
            found.setdefault(mark, []).append(process)
    return found


def _all() -> Iterator[int]:
    return (int(each.name) for each in Path("/proc").glob("[0-9]*"))


def _mark_of(process: int) -> str:
    with contextlib.suppress(OSError):  # the process has ended, or belongs to another user
        for each in Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
            if each.startswith(f"{NAME}=".encode()):
                return each.decode().partition("=")[2]
    return ""


def _works_in(process: int, main: Path) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cwd").readlink().is_relative_to(main.resolve())
    return False
