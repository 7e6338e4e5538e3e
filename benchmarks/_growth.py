"""How commands slow down from few to many experiments: a part of `benchmarks.scale`."""

import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks import _experiments
from benchmarks._experiments import RUN_CACHE, ended
from lockstep.storage import layout

SHOWN = Path(".dvc", "tmp", "exps", "cache")  # what `dvc exp show` has read of experiments
SHOW = ("dvc", "exp", "show", "--json")
RUN, NOTHING = ("lockstep", "run"), "nothing to do"
COMMANDS = {
    "lockstep plan": ("lockstep", "plan"),
    "lockstep plan train.epochs=2": ("lockstep", "plan", "train.epochs=2"),
    "lockstep run": RUN,
    "lockstep experiments": ("lockstep", "experiments"),
    "dvc exp show": SHOW,
    "git for-each-ref": ("git", "for-each-ref", "refs/exps"),
}


class Counts(NamedTuple):
    """How many experiments there are, and what is measured how often."""

    experiments: tuple[int, ...]
    metrics: int  # of each MLflow run
    rounds: int
    searches: int  # in each round


def measure(folder: Path, counts: Counts) -> dict[str, Any]:
    """Return the seconds of each command by the number of experiments, fastest and median.

    The projects differ in that number alone, and the commands run in each of them in turn.
    """
    source = _experiments.first(folder / "project")
    roots = _experiments.with_copies(source, counts.experiments, counts.metrics)
    taken: dict[str, dict[int, list[float]]] = {}
    for count, root in roots.items():
        shutil.rmtree(root / SHOWN, ignore_errors=True)
        taken.setdefault("dvc exp show, first", {})[count] = [seconds(root, *SHOW)]
    for _ in range(counts.rounds):
        searched = _experiments.in_mlflow("search", counts.searches, roots.values())
        for count, root in roots.items():
            found = {f"MLflow search by {name}": each for name, each in searched[str(root)].items()}
            for name, each in (commanded(root) | found).items():
                taken.setdefault(name, {}).setdefault(count, []).extend(each)
    return {
        "growth_seconds": {
            name: {str(count): summed_up(each) for count, each in by_count.items()}
            for name, by_count in taken.items()
        },
        "bytes_of_an_experiment": sizes(source, *max(roots.items())),
    }


def commanded(root: Path) -> dict[str, list[float]]:
    """Return the seconds of each command, from its process's start to its end."""
    return {name: [seconds(root, *command)] for name, command in COMMANDS.items()}


def seconds(root: Path, *command: str) -> float:
    """Return the seconds of a command; exit if a run had something to do."""
    begin = time.perf_counter()
    said = ended(root, *command).stderr
    taken = time.perf_counter() - begin
    if command == RUN and NOTHING not in said:
        sys.exit(f"{root}: got {said!r}, expected {NOTHING!r}")
    return taken


def sizes(source: Path, count: int, largest: Path) -> dict[str, int]:
    """Return the bytes that an experiment adds to git, to DVC's run cache and to MLflow."""
    places = {"git": Path(".git"), "run_cache": RUN_CACHE, "mlflow": layout.TRACKING_DATABASE}
    return {
        name: round((occupied(largest / place) - occupied(source / place)) / (count - 1))
        for name, place in places.items()
    }


def occupied(place: Path) -> int:
    """Return the bytes that a file or the files in a folder occupy on the disk."""
    files = [place, *place.rglob("*")]
    return sum(each.lstat().st_blocks * 512 for each in files)


def summed_up(each: Iterable[float]) -> dict[str, float]:
    """Return the fastest and the median."""
    found = sorted(each)
    return {"fastest": round(found[0], 4), "median": round(median(found), 4)}
