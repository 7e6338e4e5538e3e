"""lockstep experiments: list all DVC experiments, the best first."""

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from lockstep.config.graph import value_of
from lockstep.config.overrides import as_value, overridden
from lockstep.config.reading import flat_values
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import improvement
from lockstep.messages import aligned, nearest
from lockstep.storage.checkout import commit_of
from lockstep.versioning.experiment_list import DifferencesFromHead, Listed, read_all
from pipelines import compared_metric
from pipelines.compared_metric import Asked, ComparedMetric

HELP = "list all experiments, the best first"
FIRST = {"min": "lowest", "max": "highest"}
SHORT, LONGEST = 7, 60  # characters of a commit and of a value
MISSING = object()
Differences = Mapping[str, Any]  # from the parameters at HEAD, by dotted key
Rows = Sequence[tuple[Listed, Differences]]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the values to select by, --sort, --mode, --limit and --json."""
    parser.add_argument(
        "values",
        nargs="*",
        metavar="key=value",
        help="list only experiments with these values of parameters, such as model.name=mlp",
    )
    parser.add_argument(
        "--sort", metavar="METRIC", help="a test metric; by default the one of register.metric"
    )
    parser.add_argument("--mode", choices=["min", "max"], help="which of its values are best")
    parser.add_argument("--limit", type=_count, metavar="N", help="list only the first N")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print the experiments, and in which parameters each differs from HEAD."""
    found = _with_values(read_all(root), arguments.values)
    known = dict.fromkeys(name for each in found for name in each.metrics)
    earlier = next((each.registered_by for each in found if each.registered_by), "")
    asked = Asked("--sort", arguments.sort, arguments.mode)
    metric = compared_metric.find(root, asked, known, earlier)
    listed = sorted(found, key=partial(_rank, metric))[: arguments.limit]
    head = DifferencesFromHead(root)
    rows = [(each, head.of(each.raw)) for each in listed]
    if arguments.json:
        print(json.dumps(_as_json(root, metric, rows), indent=2))
    else:
        print(_page(root, metric, rows))


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"got {text!r}, expected a whole number of at least 1")
    return int(text)


def _with_values(found: list[Listed], assignments: list[str]) -> list[Listed]:
    """Return the experiments with these values; raises ParamsError for a key that none has."""
    for assignment in assignments:
        wanted, key = overridden({}, [assignment]), assignment.partition("=")[0]
        values = [_value(each.raw, key) for each in found]
        if found and all(each is MISSING for each in values):
            known = dict.fromkeys(name for each in found for name in flat_values(each.raw))
            raise ParamsError(f"{key}: unknown key, expected {nearest(key, known)}")
        value = value_of(wanted, key)
        found = [each for each, own in zip(found, values, strict=True) if own == value]
    return found


def _value(raw: Mapping[str, Any], key: str) -> Any:
    try:
        return value_of(raw, key)
    except (KeyError, TypeError):
        return MISSING


def _rank(metric: ComparedMetric, each: Listed) -> tuple[bool, float]:
    """A key to sort by: those without a value come last, in the order in which they are."""
    value = each.metrics.get(metric.name)
    return (True, 0.0) if value is None else (False, -improvement(value, 0.0, metric.direction))


def _common(rows: Rows) -> Differences:
    """Return the differences that all experiments have alike, if there are several."""
    first, *others = [differences for _, differences in rows] or [{}]
    alike = (each for each in first if all(each in o and o[each] == first[each] for o in others))
    return {key: first[key] for key in alike} if others else {}


def _as_json(root: Path, metric: ComparedMetric, rows: Rows) -> dict[str, Any]:
    return {
        "metric": metric.name,
        "direction": metric.direction,
        "head": commit_of(root),
        "common": _common(rows),
        "experiments": [
            {
                "name": each.name,
                "commit": each.commit,
                "baseline": each.baseline,
                "state": each.state,
                "why": each.why,
                "params": differences,
                "metrics": each.metrics,
            }
            for each, differences in rows
        ],
    }


def _page(root: Path, metric: ComparedMetric, rows: Rows) -> str:
    if not rows:
        return "no experiments; `lockstep run key=value` makes one"
    common = _common(rows)
    lines = [
        f"{len(rows)} experiments by {metric.name}, {FIRST[metric.direction]} first, with the "
        f"parameters that differ from HEAD, {commit_of(root)[:SHORT]}"
    ]
    lines += [f"all of them: {_listed(common)}"] if common else []
    header = ("experiment", metric.name, "state", "baseline", "parameters")
    return "\n".join([*lines, "", aligned([header, *(_row(*row, metric, common) for row in rows)])])


def _row(
    each: Listed, differences: Differences, metric: ComparedMetric, common: Differences
) -> tuple[str, ...]:
    value = each.metrics.get(metric.name)
    shown = "-" if value is None else f"{value:.6g}"
    own = {key: value for key, value in differences.items() if key not in common}
    listed = f"{_listed(own)} ({each.why})".strip() if each.why else _listed(own)
    return each.name, shown, each.state, each.baseline[:SHORT], listed


def _listed(differences: Differences) -> str:
    return " ".join(_shortened(f"{key}={as_value(value)}") for key, value in differences.items())


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
