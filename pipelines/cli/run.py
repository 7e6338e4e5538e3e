"""lockstep run: one experiment through the flow, here or in a workspace of its own."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from lockstep.process.runner import end_with_runner
from lockstep.runtime import devices
from pipelines.cli._parameters import add_overrides, assignments_of, checked

HELP = "one experiment through the flow"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the parameters to change."""
    add_overrides(parser)


def act(root: Path, arguments: Namespace) -> None:
    """Run the flow in this process; with overrides in another, in a workspace of its own."""
    end_with_runner()  # an overridden run is the child of one that waits to save it
    assignments = assignments_of(root, arguments)
    devices.replicas(checked(root, assignments))
    from pipelines import local, workspaces

    if assignments:
        workspaces.run(root, assignments, filter(None, [arguments.preset, *arguments.overrides]))
    else:
        local.run(root)
