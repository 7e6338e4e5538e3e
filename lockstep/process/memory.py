"""The memory that a process takes."""

import os
from pathlib import Path


def resident_bytes(process: int) -> int:
    """Return a process's resident memory; 0 if it has ended."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="utf-8").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
