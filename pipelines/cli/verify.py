"""lockstep verify: rebuild an experiment in a fresh clone, and compare the results."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lockstep.errors import LockstepError
from lockstep.messages import aligned

if TYPE_CHECKING:
    from pipelines.verification.comparison import Comparison
    from pipelines.verification.rebuild import Rebuilt
    from pipelines.verification.recorded_result import Recorded

HELP = "rebuild a model, and say whether it is the same"
TOLERANCE = 0.01  # of each metric, relative to the recorded one


def add_arguments(parser: ArgumentParser) -> None:
    """Add what to rebuild, --tolerance and --json."""
    parser.add_argument(
        "what",
        nargs="?",
        metavar="MODEL|EXPERIMENT|REVISION",
        help="models:/NAME@ALIAS, a DVC experiment, or a git revision; by default this workspace",
    )
    parser.add_argument(
        "--tolerance",
        type=_share,
        default=TOLERANCE,
        help=f"of each metric, relative to the recorded one, for METRIC-EQUAL ({TOLERANCE})",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print a report; raises LockstepError if the rebuilt model has other metrics."""
    from pipelines.verification import comparison, rebuild, recorded_result

    recorded = recorded_result.find(root, arguments.what)
    with rebuild.rebuilt(root, recorded) as result:
        found = comparison.compare(root, result.clone, recorded, arguments.tolerance)
        report = _report(recorded, result, found, arguments.tolerance)
    print(json.dumps(report, indent=2) if arguments.json else _page(report))
    if found.verdict == comparison.DIVERGED:
        first = found.variable or found.metric
        raise LockstepError(f"{recorded.name}: {found.verdict}, first by {first}")


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise ArgumentTypeError(f"got {text!r}, expected a number from 0 to 1, such as {TOLERANCE}")
    return value


def _report(
    recorded: "Recorded", result: "Rebuilt", found: "Comparison", tolerance: float
) -> dict[str, Any]:
    from lockstep.tracking import trace
    from pipelines.verification.environments import differences

    environment = recorded.environment
    changed = differences(environment.get("versions", {}), result.environment.versions)
    if training := environment.get("training", {}):
        changed += differences(training, trace.trained_on(result.clone))
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


def _page(report: dict[str, Any]) -> str:
    files = ", ".join(report["files that differ"])
    rows = [
        (name, line)
        for name, value in {**report, "files that differ": files}.items()
        for line in (value if isinstance(value, list) else [str(value)])
        if line
    ]
    return aligned(rows)
