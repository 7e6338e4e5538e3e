"""The test metric by which experiments are compared, and which of its values are better."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lockstep.config.reading import load_values
from lockstep.config.schema import Params
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import direction
from lockstep.messages import choice
from lockstep.storage import layout

if TYPE_CHECKING:
    from lockstep.data.spec import Spec


class ComparedMetric(NamedTuple):
    """A test metric, and whether `min` or `max` of it is best."""

    name: str
    direction: str


class Asked(NamedTuple):
    """What the command line says: an option's name, the metric, and its direction, if it does."""

    option: str
    metric: str | None = None
    mode: str | None = None


def find(root: Path, asked: Asked, known: Iterable[str], registered_by: str = "") -> ComparedMetric:
    """Return the metric that is asked for, or else the one that decides on registration.

    `known` are the metrics that there are, `registered_by` is the metric of an earlier
    registration, where register.metric is auto and the data set's description isn't here. Raises
    ParamsError for another metric, or one with no known direction.
    """
    params, spec, names = load_values(root), _spec(root), list(known)
    usual = _usual(params, spec, registered_by)
    metric = asked.metric or usual
    listed = choice(metric, names) if names else "a test metric"
    if not metric:
        raise ParamsError(
            f"register.metric: got auto and no {layout.SPEC}, expected {asked.option} with {listed}"
        )
    if names and metric not in names:
        option = asked.option if asked.metric else "register.metric"
        raise ParamsError(f"{option}: got {metric!r}, expected {listed}")
    mode = asked.mode or (params.register.mode if metric == usual else "auto")
    return ComparedMetric(metric, _direction(metric, mode, params, spec, asked.option))


def _direction(metric: str, mode: str, params: Params, spec: "Spec | None", option: str) -> str:
    targets = spec.targets if spec else ()
    try:
        return direction(metric, mode, targets, option, params.train.own_names)
    except ParamsError:
        raise ParamsError(
            f"{option}: got {metric!r}, a metric with no known direction, expected --mode min or "
            "max with it"
        ) from None


def _spec(root: Path) -> "Spec | None":
    if not (root / layout.SPEC).exists():
        return None
    from lockstep.data.spec import read_spec  # imports NumPy

    return read_spec(root)


def _usual(params: Params, spec: "Spec | None", registered_by: str) -> str:
    """Return register.metric; where it is auto, what that is for these data."""
    if params.register.metric != "auto":
        return params.register.metric
    if spec is None:
        return registered_by
    from lockstep.evaluation.register_metric import register_metric  # imports NumPy

    return register_metric(params, spec)
