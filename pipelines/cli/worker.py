"""lockstep worker: train along with the chief of TF_CONFIG."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config.versions import check_versions
from lockstep.runtime import devices
from pipelines.cli._parameters import checked

HELP = "train along with the chief of TF_CONFIG"


def add_arguments(parser: ArgumentParser) -> None:
    """There are none: TF_CONFIG says which worker this is."""


def act(root: Path, arguments: Namespace) -> None:
    """Train with the chief to its end."""
    values = checked(root, [])
    devices.replicas(values)
    check_versions(root)
    from lockstep.training import worker

    worker.work(values, root)
