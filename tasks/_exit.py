"""How a process ends: one line for a person, one exit code for a scheduler."""

import errno
import os
import select
import signal
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from errors import LockstepError, MachineError

RUNNERS = {b"dvc", b"lockstep", b"pipelines"}
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}


@dataclass
class Outcome:
    """The exit code, known once the block has ended."""

    code: int = 0


@contextmanager
def codes(what: str) -> Iterator[Outcome]:
    """Turn whatever ends the block into an exit code, and an error line that starts with `what`."""
    outcome = Outcome()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield outcome
    except LockstepError as error:
        outcome.code = _tell(what, error)
    except KeyboardInterrupt:
        print(f"{what}: interrupted", file=sys.stderr)
        outcome.code = 128 + signal.SIGINT
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        outcome.code = _tell(
            what, MachineError(f"{error.filename or ''}: {error.strerror}".lstrip(": "))
        )


def with_its_runner(names: Collection[bytes] = RUNNERS) -> None:
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


def _tell(what: str, error: LockstepError) -> int:
    line = " ".join(str(error).split())
    print(f"{what}: {line}", file=sys.stderr)
    return error.exit_code


def _terminate(number: int, frame: FrameType | None) -> None:
    # As an exception, so that half-written files go and the tracked run is ended.
    raise SystemExit(128 + number)
