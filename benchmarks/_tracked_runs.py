"""Make, find and count MLflow runs: processes of a benchmark.

    python -m benchmarks._tracked_runs log ROOT EPOCHS METRICS
    python -m benchmarks._tracked_runs lost ROOT RUNS EPOCHS METRICS
    python -m benchmarks._tracked_runs search ROOT RUNS METRICS SEARCHES

MLFLOW_TRACKING_URI names the database; by default it is that of ROOT's main checkout.
"""

import csv
import hashlib
import io
import json
import random
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from lockstep.config.reading import load_params
from lockstep.process.environment import prepare_environment
from lockstep.storage import atomic_files, layout
from lockstep.tracking import recorder

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

Row = dict[str, float]


def main() -> None:
    """Do what the command line says, and print what is found as JSON."""
    action, root, *counts = sys.argv[1:]
    prepare_environment(Path(root))
    print(json.dumps(ACTIONS[action](Path(root), *map(int, counts))))


def row_of(epoch: int, metrics: int) -> Row:
    """Return an epoch's row of the history, whose values are all different."""
    return {"epoch": epoch, **{f"metric_{each}": epoch + each / 1000 for each in range(metrics)}}


def log(root: Path, epochs: int, metrics: int) -> None:
    """Record a run as the train stage does, of a training that takes no time."""
    rows: list[Row] = []
    with recorder.record(load_params(root), root, "train") as run:
        for epoch in range(1, epochs + 1):
            rows.append(row_of(epoch, metrics))
            _write(root / layout.HISTORY, rows)
            run.send(rows[-1])
        run.reach()  # raises if the run couldn't be opened at first; the end would try again


def _write(path: Path, rows: list[Row]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    atomic_files.write_text(path, text.getvalue())


def lost(root: Path, runs: int, epochs: int, metrics: int) -> int:
    """Return how many values of the runs that `log` made are missing, wrong or doubled."""
    from lockstep.tracking import run_contents

    client, experiment = run_contents.connect(root)
    found = Counter(
        (run.data.tags[run_contents.KEY], name, each.step, each.value)
        for run in client.search_runs([experiment.experiment_id])
        for name in row_of(0, metrics)
        for each in client.get_metric_history(run.info.run_id, name)
    )
    right = [each for each in found if row_of(each[2], metrics)[each[1]] == each[3]]
    missing, more = runs * epochs * metrics - len(right), found.total() - len(right)
    return missing + more


def search(root: Path, runs: int, metrics: int, searches: int) -> float:
    """Add finished runs, and return the 95th percentile of the seconds that it takes to find one.

    They have the parameters and tags that the recorder gives to a run, as the next stage of an
    experiment needs them.
    """
    from lockstep.tracking import run_contents

    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(runs)]
    client, experiment = run_contents.connect(root)
    _, first = run_contents.open_run(load_params(root), root, keys[0], {})
    client.set_terminated(first.info.run_id)
    for key in keys[1:]:
        tags = {run_contents.KEY: key}
        add_like(client, client.get_run(first.info.run_id), tags, row_of(1, metrics))
    seconds = []
    for key in random.Random(0).choices(keys, k=searches):  # noqa: S311  # no secrets
        begin = time.perf_counter()
        found = run_contents.find(client, experiment, key)
        seconds.append(time.perf_counter() - begin)
        if found is None or found.data.tags[run_contents.KEY] != key:
            sys.exit(f"got {found}, expected the run with the key {key}")
    return statistics.quantiles(seconds, n=20)[-1]


def add_like(client: "MlflowClient", run: "Run", tags: dict[str, str], row: Row) -> None:
    """Add a finished run like another, with its parameters, other tags, and a row of metrics."""
    from mlflow.entities import Param, RunTag

    from lockstep.tracking import run_metrics

    added = client.create_run(run.info.experiment_id)
    client.log_batch(
        added.info.run_id,
        metrics=run_metrics.metrics_of([row], added),
        params=[Param(*each) for each in run.data.params.items()],
        tags=[RunTag(*each) for each in {**run.data.tags, **tags}.items()],
    )
    client.set_terminated(added.info.run_id)


ACTIONS = {"log": log, "lost": lost, "search": search}

if __name__ == "__main__":
    main()
