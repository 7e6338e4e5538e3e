"""lockstep presets: the experiments that can be run by name."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config import presets

HELP = "the experiments that can be run by name"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the name of one."""
    parser.add_argument(
        "name", nargs="?", help="print its options for dvc: dvc exp run $(lockstep presets NAME)"
    )


def act(root: Path, arguments: Namespace) -> None:
    """Print a line for each, or one's options for dvc."""
    name = arguments.name
    print(presets.for_dvc(root, name) if name else presets.table(root))
