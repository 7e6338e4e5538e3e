"""Make and find MLflow runs in a project: processes of `benchmarks.scale`.

    python -m benchmarks._many_runs add METRICS ROOT ...
    python -m benchmarks._many_runs search SEARCHES ROOT ...

Each project, at ROOT, gets a copy of its first MLflow run for each DVC experiment, in its database.
"""

import hashlib
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks._tracked_runs import add_like, row_of
from lockstep.process.environment import prepare_environment
from lockstep.versioning.compared import experiments

EXPERIMENT = "dvc.experiment"  # the tag with a DVC experiment's name


def main() -> None:
    """Do what the command line says, and print what is found as JSON."""
    action, count, *roots = sys.argv[1:]
    prepare_environment(Path(roots[0]))
    print(json.dumps({root: ACTIONS[action](Path(root), int(count)) for root in roots}))


def add(root: Path, metrics: int) -> None:
    """Add finished runs with the parameters and tags that the recorder gives to a run."""
    from lockstep.tracking import run_contents

    client, experiment = run_contents.connect(root)
    (first,) = client.search_runs([experiment.experiment_id])
    for number in range(len(experiments(root)) - 1):
        tags = {run_contents.KEY: key_of(number), EXPERIMENT: str(number)}
        add_like(client, first, tags, row_of(1, metrics))


def search(root: Path, searches: int) -> dict[str, list[float]]:
    """Return the seconds of searches: a stage's for its run, and those of `lockstep compare`."""
    from lockstep.tracking import run_contents

    client, experiment = run_contents.connect(root)
    copies = range(len(experiments(root)) - 1)
    numbers = random.Random(0).choices(copies, k=searches)  # noqa: S311  # no secrets

    def of_key(number: int) -> str:
        run = run_contents.find(client, experiment, key_of(number))
        return run.data.tags[EXPERIMENT] if run else ""

    def of_name(number: int) -> str:
        query = f"tags.`{EXPERIMENT}` = '{number}'"
        found = client.search_runs([experiment.experiment_id], query, max_results=1)
        return found[0].data.tags[EXPERIMENT] if found else ""

    return {name: times(find, numbers) for name, find in {"key": of_key, "name": of_name}.items()}


def times(find: Callable[[int], str], numbers: list[int]) -> list[float]:
    """Return the seconds that each number's run takes to find, after an untimed search."""
    seconds = []
    for number in [numbers[0], *numbers]:
        begin = time.perf_counter()
        found = find(number)
        seconds.append(time.perf_counter() - begin)
        if found != str(number):
            sys.exit(f"got the run {found!r}, expected that of the experiment {number}")
    return seconds[1:]


def key_of(number: int) -> str:
    """Return the key of an experiment."""
    return hashlib.sha256(str(number).encode()).hexdigest()


ACTIONS = {"add": add, "search": search}

if __name__ == "__main__":
    main()
