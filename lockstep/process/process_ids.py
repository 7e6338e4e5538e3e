"""Process names that are unique on this machine, also after a process id is reused."""

import os
from pathlib import Path


def process_name(process: int | None = None) -> str:
    """Return `id-starttime` of a process, by default of this one; empty if it has ended.

    The start time is included because the system reuses process ids.
    """
    try:
        stat = Path(f"/proc/{process or os.getpid()}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{process or os.getpid()}-{fields[19]}"


def is_alive(name: str) -> bool:
    """Return whether the process of this name is still running."""
    return process_name(int(name.partition("-")[0])) == name
