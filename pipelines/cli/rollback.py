"""lockstep rollback: make the champion before the present one champion again."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config.reading import load_params
from lockstep.process.environment import prepare_environment

HELP = "make the champion before the present one champion again"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the name of the registered model."""
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="registered model; default: this project's"
    )


def act(root: Path, arguments: Namespace) -> None:
    """Move the alias back, and print which versions were and are champion."""
    name = arguments.name or load_params(root).registered_name
    prepare_environment(root)
    from lockstep.tracking.promotion import roll_back  # imports MLflow

    print(roll_back(root, name))
