"""The validation metric that a sweep compares its trials by; never a test metric."""

from pathlib import Path
from typing import NamedTuple

from lockstep.config.schema import Params
from lockstep.data.spec import read_spec
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import direction
from lockstep.evaluation.gate import logged_names
from lockstep.evaluation.monitors import DEFAULT_MONITOR, VALIDATION, is_logged, validation_split
from lockstep.messages import choice
from pipelines.sweeps.definition import NONE, Sweep
from tasks import datasets

OPTION = "--objective"
WITHOUT = (
    "got no validation split, expected data.validation_split above 0: trials are compared by a "
    "validation metric, never by a test metric"
)


class Objective(NamedTuple):
    """A metric in the history, and whether `min` or `max` is better."""

    metric: str
    goal: str


def is_needed(sweep: Sweep) -> bool:
    """Whether trials are compared: seeds of one experiment aren't, unless it is asked for."""
    return not sweep.is_of_seeds or sweep.objective is not None or sweep.pruner != NONE


def check(sweep: Sweep, params: Params) -> None:
    """Raise ParamsError for an objective that can't be, as far as parameters tell."""
    if not is_needed(sweep):
        return
    metric = _metric(sweep, params)
    if not metric.startswith(VALIDATION):
        raise ParamsError(
            f"{OPTION}: got {metric!r}, expected a metric of the validation split, such as "
            f"{DEFAULT_MONITOR}"
        )
    if params.train.validation == "test":
        raise ParamsError(
            f"{OPTION}: train.validation is test, so {metric} would be a test metric, expected auto"
        )
    published = not hasattr(datasets.find(params.data.name), "import_files")
    if published and not params.data.validation_split:
        raise ParamsError(f"{OPTION}: {WITHOUT}")


def of(sweep: Sweep, params: Params, workspace: Path) -> Objective | None:
    """Return the objective for data that are normalized; raises ParamsError."""
    if not is_needed(sweep):
        return None
    metric, spec = _metric(sweep, params), read_spec(workspace)
    if validation_split(params, spec.splits) is None:
        raise ParamsError(f"{OPTION}: {WITHOUT}")
    known = [f"{VALIDATION}{each}" for each in logged_names(params, spec, workspace)]
    if known and not is_logged(metric, known):
        raise ParamsError(f"{OPTION}: got {metric!r}, expected {choice(metric, known)}")
    mode = params.train.mode if metric == params.train.monitor else "auto"
    goal = direction(metric, mode, spec.targets, OPTION, params.train.own_names)
    return Objective(metric, goal)


def _metric(sweep: Sweep, params: Params) -> str:
    monitor = params.train.monitor
    return sweep.objective or (DEFAULT_MONITOR if monitor == "auto" else monitor)
