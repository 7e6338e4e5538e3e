"""lockstep presets: list the experiments that can be run by name."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config import presets

HELP = "list the experiments that can be run by name"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the name of a preset."""
    parser.add_argument(
        "name",
        nargs="?",
        help="print this preset's options for dvc: dvc exp run $(lockstep presets NAME)",
    )


def act(root: Path, arguments: Namespace) -> None:
    """Print a table of the presets, or the options for dvc of one."""
    name = arguments.name
    print(presets.for_dvc(root, name) if name else presets.table(root))
