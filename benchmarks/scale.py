"""What grows with workers and with experiments: training, all-reduce, commands, searches, requests.

    python -m benchmarks.scale --json [--experiments 10 100 1000] [--megabytes 1 10 100]
        [--rounds 3] [--smallest]

About 40 minutes on two cores and 5 GB of temporary disk space. Trainings by replicas in one process
and by workers in separate ones, on the loopback and with a core for each, run in turn. So do the
commands in projects with few and with many experiments. Writes its tables into docs/scale.md.
"""

import argparse
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _clusters, _growth, _measure, _prefect_requests
from benchmarks._clusters import WAYS, Load
from benchmarks._growth import Counts
from lockstep.process.environment import prepare_environment

PAGE = _measure.REPOSITORY / "docs" / "scale.md"


class Size(NamedTuple):
    """What is measured."""

    load: Load
    counts: Counts
    requests: int


FULL = Size(
    Load(tuple(WAYS), {"cnn": 128, "mlp": 50}, 3_840, (1, 10, 100), repeats=3, rounds=3),
    Counts((10, 100, 1000), metrics=100, rounds=3, searches=50),
    requests=200,
)
SMALLEST = Size(
    Load(("replicas_2", "workers_2"), {"mlp": 50}, 100, (0.1,), repeats=1, rounds=1),
    Counts((2, 4), metrics=2, rounds=1, searches=2),
    requests=2,
)


def main() -> None:
    """Measure, write the tables, and print one JSON object or the tables."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "PREFECT_API_URL", "TF_CONFIG"):
        os.environ.pop(name, None)
    prepare_environment(_measure.REPOSITORY)
    options = parsed()
    size = chosen(options)
    found = {"prefect_ms": _prefect_requests.measure(size.requests)}
    found |= _clusters.measure(size.load)
    with tempfile.TemporaryDirectory() as folder:
        found |= _growth.measure(Path(folder), size.counts)
    _measure.show(options, "scale", found, tables(found), page=PAGE)


def parsed() -> argparse.Namespace:
    """Return the options."""
    parser = _measure.parser(__doc__)
    parser.add_argument("--experiments", type=int, nargs="+", help="how many a project has")
    parser.add_argument("--megabytes", type=float, nargs="+", help="sizes of an all-reduce")
    parser.add_argument("--rounds", type=int, help="how often each is measured in turn")
    options = parser.parse_args()
    if min(options.experiments or [2]) < 2:
        parser.error(f"--experiments: got {options.experiments}, expected numbers of 2 or more")
    return options


def chosen(options: argparse.Namespace) -> Size:
    """Return what the options ask for."""
    load, counts, requests = SMALLEST if options.smallest else FULL
    load = load._replace(
        megabytes=tuple(options.megabytes or load.megabytes), rounds=options.rounds or load.rounds
    )
    experiments = tuple(sorted(options.experiments or counts.experiments))
    counts = counts._replace(experiments=experiments, rounds=options.rounds or counts.rounds)
    return Size(load, counts, requests)


def tables(found: Mapping[str, Any]) -> str:
    """Return a table of each part."""
    speeds = [
        [model, way, *each.values()]
        for model, ways in found["throughput"].items()
        for way, each in ways.items()
    ]
    starts = [[way, *each.values()] for way, each in found["start_seconds"].items()]
    parts = (
        table(["model", "training", "examples/s, fastest", "median"], speeds),
        by_size("ms of an all-reduce, fastest (median)", "MB", found["all_reduce_ms"]),
        table(["seconds, medians", "imports done", "forming", "first step"], starts),
        by_size("seconds, fastest (median)", "experiments", found["growth_seconds"]),
        table(
            ["ms of a request to Prefect", "fastest", "median", "the server's CPU time"],
            [[name, *each.values()] for name, each in found["prefect_ms"].items()],
        ),
        table(
            ["measure", "figure"],
            [
                ["MB/s of one connection on the loopback", found["loopback_mb_per_second"]],
                *(
                    [f"bytes of an experiment in {place}", each]
                    for place, each in found["bytes_of_an_experiment"].items()
                ),
            ],
        ),
    )
    return "\n\n".join(parts)


def by_size(title: str, unit: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table with a column for each size."""
    sizes = list(next(iter(found.values())))
    rows = [
        [name, *(f"{each['fastest']:g} ({each['median']:g})" for each in by.values())]
        for name, by in found.items()
    ]
    return table([title, *(f"{size} {unit}" for size in sizes)], rows)


def table(header: Iterable[object], rows: Iterable[Iterable[object]]) -> str:
    """Return a table whose names are in words."""
    worded = [[str(first).replace("_", " "), *rest] for first, *rest in rows]
    return _measure.table(header, worded)


if __name__ == "__main__":
    main()
