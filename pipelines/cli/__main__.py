"""The command line, lockstep COMMAND; each command is a module of that name in this folder."""

import argparse
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from lockstep.process import stopping
from lockstep.process.exit_codes import exit_code
from lockstep.storage.checkout import find_project
from lockstep.versioning import lock_file
from pipelines.cli._options_anywhere import OptionsAnywhere
from pipelines.servers import running

# They mend a broken dvc.lock, or start servers, whose runs say that it is.
WITHOUT_LOCK = ("doctor", "up", "worker")


def main(argv: list[str]) -> int:
    """Run the command, and return its exit code."""
    stopping.handle("lockstep")
    arguments = make_parser().parse_args(argv)
    with exit_code(f"lockstep {arguments.command}") as outcome:
        root = find_project(Path.cwd())
        if arguments.command != "up":
            running.use(root)
        if arguments.command not in WITHOUT_LOCK:
            lock_file.check(root)
        arguments.act(root, arguments)
    return outcome.code


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; it sets `act` to the command's function."""
    parser = argparse.ArgumentParser("lockstep", description="Reproducible, distributed Keras.")
    parser.add_argument("--version", action="version", version=version("lockstep"))
    commands = parser.add_subparsers(dest="command", required=True, parser_class=OptionsAnywhere)
    for name in command_names():
        module = import_module(f"pipelines.cli.{name}")
        command = commands.add_parser(name, help=module.HELP)
        module.add_arguments(command)
        command.set_defaults(act=module.act)
    return parser


def command_names() -> list[str]:
    """Return the command names: the modules here that don't start with an underscore."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
