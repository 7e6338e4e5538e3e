"""How a process ends after an error: one line on stderr and an exit code."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lockstep.errors import LockstepError
from lockstep.process import stopping
from lockstep.process.machine_errors import machine_error


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
    except Exception as error:
        found = machine_error(error, _here())
        if found is None:
            raise
        outcome.code = _report(what, found)


def _here() -> Path | None:
    """The current folder, whose disk is the full one if an error names no file."""
    with suppress(OSError):  # it has been removed
        return Path.cwd()
    return None


def _report(what: str, error: LockstepError) -> int:
    if os.environ.get("LOCKSTEP_DEBUG"):
        traceback.print_exception(error)
    print(f"{what}: {error}", file=sys.stderr)
    return error.exit_code
