"""How a process ends after an error: one line on stderr and an exit code."""

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lockstep.errors import LockstepError, MachineError
from lockstep.process import stopping

# The OSErrors that are reported as a MachineError; others keep their traceback.
MACHINE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE}


@dataclass
class Outcome:
    """The exit code, known once the block has ended."""

    code: int = 0


@contextmanager
def exit_code(what: str) -> Iterator[Outcome]:
    """Turn an error in the block into an exit code and a line on stderr that starts with `what`.

    Unexpected exceptions pass through. In a process that has called `stopping.handle`, Ctrl-C and
    SIGTERM end it after the block.
    """
    outcome = Outcome()
    try:
        with stopping.raising(what):
            yield outcome
    except LockstepError as error:
        outcome.code = _report(what, error)
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
