"""Checks of the registration metric and the monitored one that need no training."""

from pathlib import Path

from lockstep.config.schema import Params
from lockstep.evaluation.directions import direction
from lockstep.storage import atomic_files, layout


def check_directions(params: Params, root: Path) -> None:
    """Raise ParamsError if the direction of register.metric or train.monitor isn't known.

    Checks nothing before spec.json exists: metrics may begin with the names of its targets.
    """
    if not (root / layout.SPEC).exists():
        return
    targets = atomic_files.read_json(root / layout.SPEC)["targets"]
    direction(params.register.metric, params.register.mode, targets, "register.metric")
    if params.train.monitor != "auto":
        direction(params.train.monitor, params.train.mode, targets, "train.monitor")
