"""lockstep run: run one experiment, in the checkout or, with overrides, in a workspace."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.process.runner import end_with_runner
from lockstep.runtime import devices
from pipelines.cli._parameters import add_overrides, assignments_of, checked
from tasks import datasets

HELP = "run one experiment"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the overrides."""
    add_overrides(parser)


def act(root: Path, arguments: Namespace) -> None:
    """Run the flow in this process; with overrides, in a child process and a new workspace."""
    end_with_runner()  # with overrides, a parent process waits to save the result
    assignments = assignments_of(root, arguments)
    values = checked(root, assignments)
    devices.replicas(values)
    datasets.check_user_data(values, root)
    datasets.check_batch_size(values, root)
    from pipelines import local, workspaces

    if assignments:
        workspaces.run(root, assignments, arguments.preset, arguments.overrides)
    else:
        local.run(root)
