"""lockstep predict: labels and probabilities, or values, for a file."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipelines.cli._parameters import checked

HELP = "labels and probabilities for a file, as CSV"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the model, the file, and where the answer goes."""
    parser.add_argument("model", help="as for export, or the path of what export wrote")
    parser.add_argument("file", type=Path, help="an image or a folder of them, .npy, .csv, .txt")
    parser.add_argument("--to", type=Path, metavar="OUT.csv", help="default: standard output")


def act(root: Path, arguments: Namespace) -> None:
    """Print the predictions unless they go into a file."""
    from lockstep.serving.predict import predict_file

    values = checked(root, [])
    table = predict_file(values, root, arguments.model, arguments.file, arguments.to)
    if not arguments.to:
        _print_to_the_end(table)


def _print_to_the_end(text: str) -> None:
    """Print, for as long as somebody reads: `| head` doesn't read all."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
