"""lockstep promote: make a registered version champion by hand."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config.reading import load_params
from lockstep.errors import ParamsError
from lockstep.process.environment import prepare_environment
from lockstep.tracking.model_uris import parts_of

HELP = "make a registered version champion"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the version."""
    parser.add_argument(
        "version",
        metavar="VERSION",
        help="its number, of this project's registered model, or models:/NAME/VERSION",
    )


def act(root: Path, arguments: Namespace) -> None:
    """Move the alias without comparing the versions, and print which were and are champion."""
    given = arguments.version
    if given.isdecimal():
        name, version = load_params(root).registered_name, str(int(given))
    elif given.startswith("models:"):
        name, version = _parts_of(given)
    else:
        raise ParamsError(
            f"got {given!r}, expected the number of a version or models:/NAME/VERSION"
        )
    prepare_environment(root)
    from lockstep.tracking.promotion import promote  # imports MLflow

    print(promote(root, name, version))


def _parts_of(uri: str) -> tuple[str, str]:
    name, _, version = parts_of(uri)
    if version is None:
        raise ParamsError(f"got {uri}, expected models:/NAME/VERSION, without an alias")
    return name, version
