"""lockstep explain: show why two experiments differ, and how much each difference accounts for."""

import json
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from lockstep.errors import ParamsError
from lockstep.versioning.compared import WORKSPACE
from lockstep.versioning.explanation import Explanation, explain
from lockstep.versioning.parameter_differences import NOTHING
from lockstep.versioning.side import Side
from pipelines import compared_metric, explanation_page
from pipelines.compared_metric import Asked

HELP = "show why two experiments differ"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the two experiments, --attribute, --metric and --json."""
    for name in ("a", "b"):
        parser.add_argument(
            name, metavar=name.upper(), help=f"a DVC experiment, a git revision, or {WORKSPACE}"
        )
    parser.add_argument(
        "--attribute",
        action="store_true",
        help="run the experiments between the two, and say how much of a test metric's change each "
        "difference accounts for",
    )
    parser.add_argument("--metric", help="of --attribute; by default the one of register.metric")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print what differs; with --attribute also a table of shares."""
    if arguments.metric and not arguments.attribute:
        raise ParamsError("--metric: got it alone, expected --attribute with it")
    found = explain(root, arguments.a, arguments.b)
    printed = _as_json(found)
    if not arguments.json:
        print(explanation_page.page(found), flush=True)
    if arguments.attribute:
        from pipelines import attribution_page  # imports DVC
        from pipelines.attribution.attribution import attribute

        names = [each for each in found.b.metrics if each in found.a.metrics]
        # Any direction will do: shares have a sign.
        metric = compared_metric.find(root, Asked("--metric", arguments.metric, "max"), names).name
        attribution = attribute(root, found, metric)
        printed["attribution"] = attribution_page.as_json(attribution)
        if not arguments.json:
            print(f"\n{attribution_page.page(attribution)}")
    if arguments.json:
        print(json.dumps(printed, indent=2))


def _as_json(found: Explanation) -> dict[str, Any]:
    return {
        "a": _side(found.a, found.problems[0]),
        "b": _side(found.b, found.problems[1]),
        "params": [
            {"key": each.key, "a": _or_none(each.a), "b": _or_none(each.b)} for each in found.params
        ],
        "data": [each._asdict() for each in found.data],
        "code": [{**each._asdict(), "files": dict(each.files)} for each in found.code],
        "other_code": found.other_files,
        "versions": [each._asdict() for each in found.versions],
        "stages": [each._asdict() for each in found.stages],
        "first": found.first,
        "not_reproducible": [each.stage for each in found.not_reproducible],
        "metrics": {
            name: [found.a.metrics.get(name), found.b.metrics.get(name)]
            for name in dict.fromkeys([*found.a.metrics, *found.b.metrics])
        },
    }


def _side(side: Side, problem: str) -> dict[str, str]:
    return {"name": side.name, "commit": side.commit, "problem": problem}


def _or_none(value: Any) -> Any:
    return None if value is NOTHING else value
