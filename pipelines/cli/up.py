"""lockstep up: start MLflow, Prefect with a worker, and TensorBoard on 127.0.0.1."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "start MLflow, Prefect with a worker, and TensorBoard"


def add_arguments(parser: ArgumentParser) -> None:
    """Add nothing: the command has no arguments."""


def act(root: Path, arguments: Namespace) -> None:
    """Start the servers of this checkout, and wait for them."""
    from pipelines.servers import up

    up.up(root)
