"""lockstep compare: show in which parameters and test metrics experiments differ."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lockstep.errors import ParamsError
from lockstep.messages import aligned
from lockstep.versioning.compared import WORKSPACE, Compared, compared
from pipelines.sweeps import record

HELP = "show in what experiments differ"
MISSING = "-"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the experiments and --json."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="EXPERIMENT",
        help=f"a DVC experiment, a git revision, or {WORKSPACE}, with which one alone is compared; "
        "or two sweeps over seeds",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def act(root: Path, arguments: Namespace) -> None:
    """Print a table of what differs, and where MLflow compares the runs.

    Of two sweeps over seeds, print how far the metrics differ, and whether that is noise.
    """
    if _compares_groups(root, arguments.names):
        _compare_groups(root, arguments)
        return
    names = arguments.names if len(arguments.names) > 1 else [*arguments.names, WORKSPACE]
    found = [compared(root, name) for name in names]
    params, metrics = _differing([each.params for each in found]), _all_of(found)
    if arguments.json:
        print(json.dumps({"params": params, "metrics": metrics}, indent=2))
        return
    print(_table(found, params, metrics))
    from lockstep.tracking import run_url  # imports MLflow

    print(run_url.comparison(root, [(each.name, each.commit) for each in found]))


def _compares_groups(root: Path, names: Sequence[str]) -> bool:
    """Whether sweeps are named; raises ParamsError for one with something else."""
    sweeps = record.names(root)
    found = [name for name in names if name in sweeps]
    if found and (len(found), len(names)) != (2, 2):
        raise ParamsError(f"got {', '.join(names)}, expected two sweeps, or none")
    return bool(found)


def _compare_groups(root: Path, arguments: Namespace) -> None:
    from pipelines.sweeps import groups

    first, second = (groups.read(root, name) for name in arguments.names)
    over, found = groups.differences(root, first, second)
    if arguments.json:
        print(json.dumps(groups.as_json(over, found), indent=2))
        return
    print(aligned(groups.as_rows(found, first, second)))
    counts = f"{len(first.trials)} and {len(second.trials)} seeds"
    print(f"{counts}; intervals by a bootstrap over {over}")


def _differing(values: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Return the values of each key that aren't the same for all, None where one has none."""
    keys = dict.fromkeys(key for each in values for key in each)
    rows = {key: [each.get(key) for each in values] for key in keys}
    return {key: row for key, row in rows.items() if any(each != row[0] for each in row)}


def _all_of(found: Sequence[Compared]) -> dict[str, list[float | None]]:
    names = dict.fromkeys(name for each in found for name in each.metrics)
    return {name: [each.metrics.get(name) for each in found] for name in names}


def _table(found: Sequence[Compared], params: Iterable[str], metrics: Iterable[str]) -> str:
    rows = [["", *(each.name for each in found)]]
    rows += [[key, *(_cell(each.params, key) for each in found)] for key in params]
    rows += [[f"test {name}", *(_cell(each.metrics, name) for each in found)] for name in metrics]
    return aligned(rows)


def _cell(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return MISSING
    value = values[key]
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
