"""lockstep sync: send MLflow what it lacks, or make a lost MLflow database again."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.process.environment import prepare_environment

HELP = "send MLflow the results that it lacks"


def add_arguments(parser: ArgumentParser) -> None:
    """Add --rebuild."""
    parser.add_argument(
        "--rebuild",
        action="store_true",
        help="send all that git and DVC have: DVC experiments, commits with a dvc.lock, workspace",
    )


def act(root: Path, arguments: Namespace) -> None:
    """Send results, a line for each experiment."""
    prepare_environment(root)
    from pipelines import synchronization  # imports DVC

    if arguments.rebuild:
        synchronization.rebuild(root)
    else:
        synchronization.catch_up(root)
