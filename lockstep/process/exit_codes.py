"""How a process ends: one line for a person, one exit code for a scheduler."""

import errno
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from lockstep.errors import LockstepError, MachineError

MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}


@dataclass
class Outcome:
    """The exit code, known once the block has ended."""

    code: int = 0


@contextmanager
def exit_code(what: str) -> Iterator[Outcome]:
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


def _tell(what: str, error: LockstepError) -> int:
    line = " ".join(str(error).split())
    print(f"{what}: {line}", file=sys.stderr)
    return error.exit_code


def _terminate(number: int, frame: FrameType | None) -> None:
    # As an exception, so that half-written files go and the tracked run is ended.
    raise SystemExit(128 + number)
