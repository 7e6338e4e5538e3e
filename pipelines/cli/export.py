"""lockstep export: save a trained model as one file or folder."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.serving.locate import SUFFIXES
from pipelines.cli._parameters import checked

HELP = "save a trained model as one file or folder"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the model, the format and the output path."""
    parser.add_argument("model", help="best, last, models:/NAME@ALIAS or models:/NAME/VERSION")
    parser.add_argument("--format", choices=list(SUFFIXES), default="keras")
    parser.add_argument("--output", type=Path, metavar="PATH", help="default: export/MODEL.FORMAT")


def act(root: Path, arguments: Namespace) -> None:
    """Export the model, and print the paths."""
    from lockstep.serving.export import export_model

    values, output = checked(root, []), arguments.output
    path, spec = export_model(values, root, arguments.model, arguments.format, output)
    print(f"{_shown(root, path)}, with its inputs and classes in {_shown(root, spec)}")


def _shown(root: Path, path: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path
