"""lockstep predict: print labels and probabilities, or values, for a file."""

import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pipelines.cli._parameters import checked

HELP = "print labels and probabilities for a file as CSV"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the model, the file and the output path."""
    parser.add_argument("model", help="as for export, or the path of an exported model")
    parser.add_argument(
        "file",
        type=Path,
        help="an image or a folder of images, .npy, .npz, a table (.csv, .tsv, .txt, .parquet, "
        ".feather, .arrow, .jsonl, .ndjson), a .txt with one text per line, or for the data set "
        "texts a file or folder of texts",
    )
    parser.add_argument("--output", type=Path, metavar="OUT.csv", help="default: standard output")


def act(root: Path, arguments: Namespace) -> None:
    """Print the predictions, or write them to the output path."""
    from lockstep.serving.predict import predict_file

    values = checked(root, [])
    table = predict_file(values, root, arguments.model, arguments.file, arguments.output)
    if not arguments.output:
        _print_to_pipe(table)


def _print_to_pipe(text: str) -> None:
    """Print, without an error if the reader closes the pipe early, as `| head` does."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
