"""lockstep import: allow a .keras file that somebody else made, after it was checked."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "allow a .keras file from elsewhere for predict, after opening it with limits"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the file."""
    parser.add_argument(
        "file", type=Path, help="a .keras file, with its spec in FILE.spec.json beside it"
    )


def act(root: Path, arguments: Namespace) -> None:
    """Check the file, and print what it is."""
    from lockstep.serving.import_model import import_model

    print(import_model(root, arguments.file))
