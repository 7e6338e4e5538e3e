"""The `lockstep` command: finds the project and runs the command line of that project's code."""

import os
import sys
from importlib.metadata import version
from pathlib import Path

from lockstep.errors import MachineError
from lockstep.process import bytecode, hash_seed, stopping
from lockstep.process.environment import check_system, leave_git_hook
from lockstep.process.exit_codes import exit_code
from lockstep.storage.checkout import find_project

COMMANDS = Path("pipelines", "cli", "__main__.py")


def main() -> int:
    """Find the project in the current folder or above, and replace this process by its CLI."""
    stopping.postpone()  # until the CLI's code is imported
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        print(f"lockstep {version('lockstep')}")
        return 0
    with exit_code(" ".join(["lockstep", *arguments[:1]])) as outcome:
        bytecode.write_only_with_room()
        check_system()
        leave_git_hook()
        _run_cli(find_project(_current_folder()), arguments)
    return outcome.code


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise MachineError(
            "the current folder has been removed, expected a project's; change to one by cd"
        ) from None


def _run_cli(project: Path, arguments: list[str]) -> None:
    """Replace this process; a `lockstep` package in the project precedes the installed one.

    The current folder isn't changed, since paths on the command line are relative to it. Without
    -P Python puts it first on sys.path: in tasks/datasets, csv.py would hide Python's csv module.
    """
    if not (project / COMMANDS).exists():
        raise MachineError(
            f"{project}: has dvc.yaml but no {COMMANDS}, expected a Lockstep project"
        )
    path = os.pathsep.join(filter(None, (str(project), os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-P", "-m", "pipelines.cli", *arguments]
    variables = {"PYTHONPATH": path, hash_seed.NAME: hash_seed.FIXED}
    os.execve(sys.executable, command, {**os.environ, **variables})  # noqa: S606


if __name__ == "__main__":
    sys.exit(main())
