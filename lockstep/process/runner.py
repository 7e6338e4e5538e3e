"""A stage ends with the process that runs it, even when that one is killed."""

import os
import select
import signal
import threading
from collections.abc import Collection
from pathlib import Path

RUNNERS = {b"dvc", b"lockstep", b"pipelines.cli"}


def end_with_runner(names: Collection[bytes] = RUNNERS) -> None:
    """Let this process be stopped when the runner that started it, one of these, is killed.

    An orphan would go on writing into a workspace where the next run of the stage writes too.
    """
    try:
        runner = os.pidfd_open(_runner(os.getppid(), names))
    except (OSError, AttributeError):
        return  # there is none, or this isn't Linux

    def watch() -> None:
        select.select([runner], [], [])  # until it has ended
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _runner(process: int, names: Collection[bytes]) -> int:
    """The nearest ancestor that is a runner, or 0; DVC may have put a shell between."""
    while process > 1:
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        if any(word.rpartition(b"/")[2] in names for word in words):
            return process
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        process = int(status.partition("PPid:")[2].split()[0])
    return 0
