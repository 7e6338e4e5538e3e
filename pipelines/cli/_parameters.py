"""Options shared by commands: parameter overrides, checked before slow imports."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config import presets
from lockstep.config.overrides import overridden
from lockstep.config.reading import check_params
from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from lockstep.storage import layout


def add_overrides(parser: ArgumentParser) -> None:
    """Add the arguments `key=value` and --preset."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="parameters to override, in a separate workspace, such as train.epochs=3",
    )
    parser.add_argument("--preset", metavar="NAME", help="one of `lockstep presets`")


def assignments_of(root: Path, arguments: Namespace) -> list[str]:
    """Return the overrides: those of the preset, then the user's, which take precedence."""
    return presets.with_overrides(root, arguments.preset, arguments.overrides)


def checked(root: Path, assignments: list[str]) -> Params:
    """Return params.yaml with the overrides applied; raises ParamsError if a value is wrong."""
    values = overridden(read_yaml(root / layout.PARAMS), assignments)
    return check_params(values, root, "overrides" if assignments else "params.yaml")
