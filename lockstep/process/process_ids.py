"""Processes by a name that no other of this machine ever has."""

import os
from pathlib import Path


def process_name(process: int | None = None) -> str:
    """Return a process's id and when it started, of this one without an id; nothing if it is gone.

    An id alone is used again.
    """
    try:
        stat = Path(f"/proc/{process or os.getpid()}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{process or os.getpid()}-{fields[19]}"


def is_alive(named: str) -> bool:
    """Say whether the process of this name is still there."""
    return process_name(int(named.partition("-")[0])) == named
