"""The launcher: `lockstep` starts anew in the project that it finds, with the project's code."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.process.exit_codes import exit_code
from lockstep.storage.checkout import find_project

COMMANDS = Path("pipelines", "cli", "__main__.py")


def main() -> int:
    """Find the project from the current folder upwards, and become its command line."""
    words = sys.argv[1:]
    if words == ["--version"]:
        print(f"lockstep {version('lockstep')}")
        return 0
    with exit_code(" ".join(["lockstep", *words[:1]])) as outcome:
        _start_in(find_project(Path.cwd()), words)
    return outcome.code


def _start_in(project: Path, words: list[str]) -> None:
    """Replace this process; the engine of the project, if it has one, comes before the installed.

    The current folder stays, since paths on the command line are relative to it. Python would put
    it first on the path (without -P), and `tasks/datasets/csv.py` in the place of Python's own csv.
    """
    if not (project / COMMANDS).exists():
        raise MachineError(
            f"{project}: has dvc.yaml and no {COMMANDS}, expected a Lockstep project"
        )
    path = os.pathsep.join(filter(None, (str(project), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "pipelines.cli", *words]
    os.execve(sys.executable, command, {**os.environ, "PYTHONPATH": path})  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
