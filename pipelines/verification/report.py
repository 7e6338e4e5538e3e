"""Rebuild a recorded experiment, and report whether the result is the same."""

from pathlib import Path
from typing import Any

from lockstep.errors import LockstepError
from lockstep.messages import aligned
from lockstep.tracking import trace
from pipelines.verification import comparison, rebuild, recorded_result
from pipelines.verification.comparison import Comparison
from pipelines.verification.environments import differences
from pipelines.verification.rebuild import Rebuilt
from pipelines.verification.recorded_result import Recorded

Report = dict[str, Any]


def verify(root: Path, what: str | None, tolerance: float) -> Report:
    """Rebuild a version, a DVC experiment, a revision or the workspace, and compare the results.

    `tolerance` is relative to each recorded metric. Raises ParamsError if there is no such thing,
    DataError if its data have changed, and the error of a stage that fails.
    """
    recorded = recorded_result.find(root, what)
    with rebuild.rebuilt(root, recorded) as result:
        found = comparison.compare(root, result.clone, recorded, tolerance)
        return _report(recorded, result, found, tolerance)


def raise_if_diverged(report: Report) -> None:
    """Raise LockstepError, with the first difference, if the rebuilt model has other metrics."""
    if report["verdict"] == comparison.DIVERGED:
        first = report["first variable"] or report["first metric"]
        raise LockstepError(f"{report['rebuilt']}: {report['verdict']}, first by {first}")


def page(report: Report) -> str:
    """Return the report as aligned lines."""
    files = ", ".join(report["files that differ"])
    rows = [
        (name, line)
        for name, value in {**report, "files that differ": files}.items()
        for line in (value if isinstance(value, list) else [str(value)])
        if line
    ]
    return aligned(rows)


def _report(recorded: Recorded, result: Rebuilt, found: Comparison, tolerance: float) -> Report:
    environment = recorded.environment
    changed = differences(environment.get("versions", {}), result.environment.versions)
    if now := trace.trained_on(result.clone):
        changed += differences(environment.get("training", {}), now)
    return {
        "verdict": found.verdict,
        "rebuilt": recorded.name,
        "commit": recorded.commit,
        "uncommitted changes": "applied" if recorded.difference else "",
        "data": result.data,
        "stages run": ", ".join(result.stages),
        "environment": result.environment.description,
        "environment differs": changed,
        "inputs differ": found.inputs,
        "first variable": found.variable,
        "first metric": found.metric,
        "tolerance of metrics": tolerance,
        "files that differ": found.files,
    }
