"""lockstep plan: show what a run would do with each stage, and why."""

import dataclasses
import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from lockstep.config.schema import Params
from pipelines.cli._parameters import add_overrides, assignments_of, checked

if TYPE_CHECKING:
    from lockstep.versioning.forecast import Forecast

# Overrides with which the data and the initial weights are those of this checkout.
WITH_SAME_DATA = ("train.", "evaluate.", "register.")
HELP = "show what a run would do, and why"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the overrides and --json."""
    add_overrides(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON list")


def act(root: Path, arguments: Namespace) -> None:
    """Print each stage as run, skip, restore or maybe, with the reasons; nothing is run."""
    assignments = assignments_of(root, arguments)
    params = checked(root, assignments)
    found = _forecast(root, assignments, arguments.preset)
    if all(each.startswith(WITH_SAME_DATA) for each in assignments):
        found = _with_earlier_epochs(root, params, found)
    if arguments.json:
        print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
    else:
        width = max(len(each.stage) for each in found)
        for each in found:
            print(f"{each.stage:{width}}  {each.action:7}  {'; '.join(each.reasons)}".rstrip())


def _forecast(root: Path, assignments: list[str], preset: str | None) -> "list[Forecast]":
    from lockstep.versioning.forecast import forecast
    from pipelines import workspaces, worktrees

    if not assignments:
        return forecast(root)
    workspace = workspaces.create(root, assignments, preset)
    try:
        return forecast(workspace, checked_out=True)
    finally:
        worktrees.remove(root, workspace)


def _with_earlier_epochs(root: Path, params: Params, stages: "list[Forecast]") -> "list[Forecast]":
    """Say of a training that will run whether it goes on after an earlier one's epochs."""
    from lockstep.training import earlier

    found = []
    for each in stages:
        runs = each.stage == earlier.STAGE and each.action == "run"
        said = earlier.outlook(root, params) if runs else ""
        found.append(dataclasses.replace(each, reasons=[*each.reasons, said]) if said else each)
        if each.action not in ("skip", "restore"):
            return found + stages[len(found) :]  # its results aren't here yet
    return found
