"""lockstep up: start MLflow, Prefect with a worker, and TensorBoard, on 127.0.0.1 by default."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "start MLflow, Prefect with a worker, and TensorBoard"


def add_arguments(parser: ArgumentParser) -> None:
    """Add --host."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="this machine's address for other machines, which need passwords: docs/servers.md",
    )


def act(root: Path, arguments: Namespace) -> None:
    """Start the servers of this checkout, and wait for them."""
    from pipelines.servers import up

    up.up(root, arguments.host)
