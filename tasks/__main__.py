"""Runs one stage in the current folder: python -m tasks STAGE."""

import sys
from pathlib import Path

from tasks import _exit, _stages


def main(arguments: list[str]) -> int:
    """Run the named stage and return its exit code."""
    known = _stages.names()
    if len(arguments) != 1 or arguments[0] not in known:
        print(f"usage: python -m tasks {{{','.join(known)}}}", file=sys.stderr)
        return 2
    (stage,) = arguments
    _exit.with_its_runner()
    with _exit.codes(stage) as outcome:
        _stages.run(stage, Path.cwd())
    return outcome.code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
