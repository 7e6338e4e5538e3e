"""The command line: lockstep COMMAND; each command is the file of its name in this folder."""

import argparse
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from lockstep.process.exit_codes import exit_code
from lockstep.storage.checkout import find_project


def main(words: list[str]) -> int:
    """Run the command that the words name, and return its exit code."""
    arguments = make_parser().parse_args(words)
    with exit_code(f"lockstep {arguments.command}") as outcome:
        arguments.act(find_project(Path.cwd()), arguments)
    return outcome.code


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, with what carries each out as `act`."""
    parser = argparse.ArgumentParser("lockstep", description="Reproducible, distributed Keras.")
    parser.add_argument("--version", action="version", version=version("lockstep"))
    commands = parser.add_subparsers(dest="command", required=True)
    for name in command_names():
        module = import_module(f"pipelines.cli.{name}")
        command = commands.add_parser(name, help=module.HELP)
        module.add_arguments(command)
        command.set_defaults(act=module.act)
    return parser


def command_names() -> list[str]:
    """Return the names of the commands: the files here without an underscore in front."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
