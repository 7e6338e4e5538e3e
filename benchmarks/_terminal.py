"""Run a command in a pseudo-terminal, and press Ctrl-C there."""

import os
import pty
import select
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

CTRL_C = b"\x03"
LIMIT_SECONDS = 120.0  # after the first Ctrl-C


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    seconds: float  # after the first Ctrl-C
    output: str  # after the first Ctrl-C


def interrupt(
    root: Path, command: Sequence[str], moments: Sequence[float], environment: Mapping[str, str]
) -> Ended:
    """Press Ctrl-C at these moments, in seconds from the start; it is killed if it doesn't end.

    The terminal sends the signal to the whole foreground process group.
    """
    process, terminal = pty.fork()
    if process == 0:
        # A shell without job control starts background jobs with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(root)
        os.execvpe(command[0], command, {**os.environ, **environment})  # noqa: S606
    start, output, left = time.monotonic(), b"", list(moments)
    while (now := time.monotonic() - start) < moments[0] + LIMIT_SECONDS:
        if left and now >= left[0]:
            output = output if len(left) < len(moments) else b""
            os.write(terminal, CTRL_C)
            del left[0]
        read = _read(terminal)
        if read is None:
            break
        output += read
    else:
        os.killpg(process, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    os.close(terminal)
    return Ended(code, time.monotonic() - start - moments[0], output.decode(errors="replace"))


def _read(terminal: int) -> bytes | None:
    """What is there now; None if the command has closed the terminal."""
    if not select.select([terminal], [], [], 0.02)[0]:
        return b""
    try:
        return os.read(terminal, 65536) or None
    except OSError:
        return None
