"""What commands share: parameters as the user asks for them, checked before anything slow."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config import presets
from lockstep.config.overrides import overridden
from lockstep.config.reading import check_params
from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from lockstep.storage import layout


def add_overrides(parser: ArgumentParser) -> None:
    """Let a command take `key=value` and --preset."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="parameters to change, in a workspace of their own, such as train.epochs=3",
    )
    parser.add_argument("--preset", metavar="NAME", help="one of `lockstep presets`")


def assignments_of(root: Path, arguments: Namespace) -> list[str]:
    """Return what to change: the preset's values, and over them the user's own."""
    preset = arguments.preset
    return [*(presets.assignments(root, preset) if preset else []), *arguments.overrides]


def checked(root: Path, assignments: list[str]) -> Params:
    """Return the parameters with these changed; raises ParamsError for a mistake."""
    values = overridden(read_yaml(root / layout.PARAMS), assignments)
    return check_params(values, root, "overrides" if assignments else "params.yaml")
