"""lockstep verify: rebuild an experiment in a fresh clone, and compare the results."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

HELP = "rebuild a model, and say whether it is the same"
TOLERANCE = 0.01  # of each metric, relative to the recorded one


def add_arguments(parser: ArgumentParser) -> None:
    """Add what to rebuild, --tolerance and --json."""
    parser.add_argument(
        "what",
        nargs="?",
        metavar="MODEL|EXPERIMENT|REVISION",
        help="models:/NAME@ALIAS, a DVC experiment, or a git revision; by default this workspace",
    )
    parser.add_argument(
        "--tolerance",
        type=_share,
        default=TOLERANCE,
        help=f"of each metric, relative to the recorded one, for METRIC-EQUAL ({TOLERANCE})",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print a report; raises LockstepError if the rebuilt model has other metrics."""
    from pipelines.verification import report

    found = report.verify(root, arguments.what, arguments.tolerance)
    print(json.dumps(found, indent=2) if arguments.json else report.page(found))
    report.raise_if_diverged(found)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"got {text!r}, expected a number from 0 to 1, such as {TOLERANCE}")
    return value
