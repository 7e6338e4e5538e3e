"""Runs what is between two experiments, and tells how much each difference accounts for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lockstep.errors import ParamsError
from lockstep.process import console
from lockstep.versioning.explanation import Explanation
from lockstep.versioning.side import Side
from pipelines.attribution.changes import OPTION, Change, Changes, changes_of
from pipelines.attribution.shares import Missing, Shares, Value, shares
from pipelines.attribution.workspace import Between, Workspace, workspace_of


@dataclass(frozen=True)
class Attribution:
    """The shares of the changes in a metric's change, and what was run for it."""

    metric: str
    first: float  # of A, as it was recorded
    last: float  # of B
    changes: Changes
    shares: Shares
    between: list[Between]  # the experiments that were looked at

    @property
    def total(self) -> float:
        """The change of the metric."""
        return self.last - self.first

    @property
    def stages_run(self) -> list[str]:
        """The stages that were run; DVC's cache had the others."""
        return [name for each in self.between for name in each.ran]


def attribute(root: Path, found: Explanation, metric: str) -> Attribution:
    """Run the experiments between two others, and return each difference's share.

    Raises ParamsError if the recorded metrics aren't those of the two experiments' inputs, or for
    a difference that can't be made here.
    """
    sides = zip((found.a, found.b), found.problems, strict=True)
    first, last = (_recorded(side, metric, problem) for side, problem in sides)
    changes = changes_of(found)
    known: dict[object, Between] = {}
    with workspace_of(root, found) as workspace:

        def value_of(added: Sequence[Change]) -> Value:
            keys = frozenset(key for change in added for key in (*change.params, *change.paths))
            if keys not in known:
                known[keys] = _run(workspace, added)
            return _value(known[keys], metric)

        found_shares = shares(changes.made, first, last, value_of)
    return Attribution(metric, first, last, changes, found_shares, list(known.values()))


def _run(workspace: Workspace, added: Sequence[Change]) -> Between:
    console.say(f"A with B's {', '.join(each.name for each in added)}:")
    return workspace.run(added)


def _recorded(side: Side, metric: str, problem: str) -> float:
    """Return the recorded metric of a side; raises ParamsError if there is none of its inputs."""
    value = side.metrics.get(metric)
    if problem or value is None:
        problem = problem or f"it has no test metric {metric}"
        raise ParamsError(
            f"{OPTION}: {side.name}: {problem}; expected an experiment with its test metrics: "
            "`lockstep run` makes them"
        )
    return value


def _value(between: Between, metric: str) -> Value:
    value = between.metrics.get(metric)
    if value is None:
        return Missing(between.problem or f"{metric} isn't defined", between.is_invalid)
    return value
