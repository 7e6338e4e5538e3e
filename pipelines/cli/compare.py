"""lockstep compare: show in which parameters and test metrics experiments differ."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lockstep.versioning.compared import WORKSPACE, Compared, compared

HELP = "show in what experiments differ"
MISSING = "-"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the experiments and --json."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="EXPERIMENT",
        help=f"a DVC experiment, a git revision, or {WORKSPACE}; one alone is compared with that",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print a table of what differs, and where MLflow compares the runs."""
    names = arguments.names if len(arguments.names) > 1 else [*arguments.names, WORKSPACE]
    found = [compared(root, name) for name in names]
    params, metrics = _differing([each.params for each in found]), _all_of(found)
    if arguments.json:
        print(json.dumps({"params": params, "metrics": metrics}, indent=2))
        return
    print(_table(names, params, _shown, metrics))
    from lockstep.tracking import run_url  # imports MLflow

    print(run_url.comparison(root, [(each.name, each.commit) for each in found]))


def _differing(values: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each key that aren't the same for all, None where one has none."""
    keys = dict.fromkeys(key for each in values for key in each)
    rows = {key: [each.get(key) for each in values] for key in keys}
    return {key: row for key, row in rows.items() if any(each != row[0] for each in row)}


def _all_of(found: Sequence[Compared]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for each in found for name in each.metrics)
    return {name: [each.metrics.get(name) for each in found] for name in names}


def _table(
    names: Sequence[str],
    params: dict[str, list[Any]],
    shown: Callable[[Any], str],
    metrics: dict[str, list[float | None]],
) -> str:
    rows = [["", *names]]
    rows += [[key, *map(shown, row)] for key, row in params.items()]
    rows += [[f"test {name}", *map(shown, row)] for name, row in metrics.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (zip(row, widths, strict=True) for row in rows)
    return "\n".join(
        "  ".join(f"{cell:{width}}" for cell, width in line).rstrip() for line in lines
    )


def _shown(value: Any) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
