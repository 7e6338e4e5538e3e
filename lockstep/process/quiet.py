"""Filter lines that libraries print to stderr."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

STDERR = 2
PATIENCE_SECONDS = 0.3


@contextmanager
def without_lines(pattern: str) -> Iterator[None]:
    """Drop the lines on stderr that match an extended regular expression.

    The file descriptor is replaced, since C++ libraries don't use sys.stderr. The filter is another
    process, so that the lines before an abort of this one are still printed.
    """
    sys.stderr.flush()
    with _duplicated(STDERR) as terminal:
        command = ["grep", "--line-buffered", "--text", "-vE", pattern]
        grep = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=terminal, start_new_session=True
        )
        assert grep.stdin  # noqa: S101  # stdin=PIPE
        with grep.stdin:
            os.dup2(grep.stdin.fileno(), STDERR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, STDERR)
            # grep ends at the end of its input, unless a child process still has the pipe open.
            with suppress(subprocess.TimeoutExpired):
                grep.wait(PATIENCE_SECONDS)


@contextmanager
def _duplicated(descriptor: int) -> Iterator[int]:
    copy = os.dup(descriptor)
    try:
        yield copy
    finally:
        os.close(copy)
