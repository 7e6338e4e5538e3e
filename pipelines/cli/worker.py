"""lockstep worker: join the training of the chief that TF_CONFIG names."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.config.versions import check_versions
from lockstep.process.runner import end_with_runner
from lockstep.runtime import devices
from pipelines.cli._parameters import checked

HELP = "join the training of the chief that TF_CONFIG names"


def add_arguments(parser: ArgumentParser) -> None:
    """Add nothing: TF_CONFIG says which worker this is."""


def act(root: Path, arguments: Namespace) -> None:
    """Train together with the chief until training ends."""
    end_with_runner()
    values = checked(root, [])
    devices.replicas(values)
    check_versions(root)
    from lockstep.training import worker

    worker.work(values, root)
