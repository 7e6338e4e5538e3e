"""lockstep up: MLflow, Prefect with a worker, and TensorBoard on the loopback, until Ctrl-C."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "MLflow, Prefect with a worker, and TensorBoard"


def add_arguments(parser: ArgumentParser) -> None:
    """There are none."""


def act(root: Path, arguments: Namespace) -> None:
    """Serve this checkout."""
    from pipelines.servers import up

    up.up(root)
