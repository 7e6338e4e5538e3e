"""Whether Python writes .pyc files beside the code."""

import os
import shutil
import sys
from pathlib import Path

ROOM = 2**26  # bytes; all .pyc files of a project take a few million


def write_only_with_room() -> None:
    """Let Python write no .pyc files, here and in processes to come, where a disk is nearly full.

    Up to 3.13 it doesn't notice that only a part of one could be written, and from then on every
    import of that module fails, with room too (python/cpython#126606).
    """
    folders = (Path(), Path(__file__).parent)
    if min(shutil.disk_usage(each).free for each in folders) < ROOM:
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
