"""How a process ends after an error: one line on stderr and an exit code."""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from lockstep.errors import LockstepError, MachineError

# The OSErrors that are reported as a MachineError; others keep their traceback.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}


@dataclass
class Outcome:
    """The exit code, known once the block has ended."""

    code: int = 0


@contextmanager
def exit_code(what: str) -> Iterator[Outcome]:
    """Turn an error in the block into an exit code and a line on stderr that starts with `what`.

    Unexpected exceptions pass through. SIGTERM raises SystemExit.
    """
    outcome = Outcome()
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield outcome
    except LockstepError as error:
        outcome.code = _report(what, error)
    except KeyboardInterrupt:
        print(f"{what}: interrupted", file=sys.stderr)
        outcome.code = 128 + signal.SIGINT
    except OSError as error:
        if error.errno not in MACHINE:
            raise
        outcome.code = _report(
            what, MachineError(f"{error.filename or ''}: {error.strerror}".lstrip(": "))
        )


def _report(what: str, error: LockstepError) -> int:
    if os.environ.get("LOCKSTEP_DEBUG"):
        traceback.print_exception(error)
    line = " ".join(str(error).split())
    print(f"{what}: {line}", file=sys.stderr)
    return error.exit_code


def _terminate(number: int, frame: FrameType | None) -> None:
    # An exception, so that cleanup runs: partial files are removed and the MLflow run is ended.
    raise SystemExit(128 + number)
