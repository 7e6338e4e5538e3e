"""lockstep plan: what a run would do with each stage, and why."""

import dataclasses
import json
from pathlib import Path

from pipelines import workspaces
from tasks._dvc.forecast import Forecast, forecast


def plan(root: Path, assignments: list[str], as_json: bool) -> None:
    """Print each stage as run, skip, restore or maybe, with the reasons; nothing is run."""
    found = _forecast(root, assignments)
    if as_json:
        print(json.dumps([dataclasses.asdict(each) for each in found], indent=2))
    else:
        width = max(len(each.stage) for each in found)
        for each in found:
            print(f"{each.stage:{width}}  {each.action:7}  {'; '.join(each.reasons)}".rstrip())


def _forecast(root: Path, assignments: list[str]) -> list[Forecast]:
    if not assignments:
        return forecast(root)
    place = workspaces.create(root, assignments)
    try:
        return forecast(place, checked_out=True)
    finally:
        workspaces.discard(root, place)
