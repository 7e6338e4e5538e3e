"""lockstep data: print what is known of data before anything trains."""

import shlex
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from lockstep.config.schema import Params
from pipelines.cli._parameters import add_overrides, assignments_of, checked
from tasks import datasets

HELP = "print the data card of the data in params.yaml, or of a file or folder"
MODEL = "any"  # takes any inputs


def add_arguments(parser: ArgumentParser) -> None:
    """Add the path, the target and the overrides."""
    parser.add_argument(
        "path", nargs="?", help="a file or folder; default: the data that params.yaml names"
    )
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="COLUMN",
        help="the column to predict, several times for several; default: the last",
    )
    add_overrides(parser)


def act(root: Path, arguments: Namespace) -> None:
    """Print the card, and the command that trains with these data; the project stays as it is.

    Raises DataError, with what to write in params.yaml, where the data leave something open.
    """
    own = _own_data(root, arguments)
    assignments = [*own, *assignments_of(root, arguments)]
    values = checked(root, assignments)
    datasets.check_user_data(values, root)
    from lockstep.data.card.sections import sections
    from pipelines import trial
    from pipelines.cli._card_text import print_sections

    card = trial.card_of(values, root)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    print_sections(sections(card))
    preset = ["--preset", arguments.preset] if arguments.preset else []
    is_new = any(each.startswith("data.path=") for each in own)
    fitting = _fitting(values, card, arguments.overrides) if is_new else []
    print("To train with these data:\n")
    print(shlex.join(["lockstep", "run", *preset, *own, *arguments.overrides, *fitting]))


def _own_data(root: Path, arguments: Namespace) -> list[str]:
    """Return the overrides for the path and the target; a path such as a=b is an override."""
    path, target = arguments.path, arguments.target
    if path is not None and "=" in path and not Path(path).exists():
        arguments.overrides.insert(0, path)
        path = None
    from pipelines.cli import _own_data

    if path is not None:
        return _own_data.overrides_of(Path(path), target, root, checked(root, []).data)
    return _own_data.overrides_of_target(target) if target else []


def _fitting(values: Params, card: dict[str, Any], given: list[str]) -> list[str]:
    """Return overrides for a model that takes any data, and for few examples a smaller batch."""
    found, count = [], card["examples"]["train"]
    if not any(each.startswith("model.name=") for each in given):
        found.append(f"model.name={MODEL}")
    if count < values.train.batch_size:
        found.append(f"train.batch_size={2 ** (count.bit_length() - 1)}")
    return found
