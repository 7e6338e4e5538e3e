"""What recording in MLflow costs a training, and whether many runs are found and kept whole.

    python -m benchmarks.tracking --json [--data ../shared/data] [--repeats 3] [--smallest]

About 15 minutes on two cores; needs Debian's package postgresql. Trainings on MNIST run in turn
with a server, with an address where none is, and without recording: a process each. 1,000 runs and
ten processes that record at once are in a SQLite file, then in PostgreSQL. Writes its table into
docs/performance.md.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _measure, _servers
from benchmarks._measure import REPOSITORY
from lockstep.config.overrides import write_overridden
from lockstep.storage import layout
from tasks.__main__ import run_stage

Variables = dict[str, str]
ADDRESS, EXPERIMENT = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
PARTS = ("training", "entry", "send", "end")
LOCKED = ("database is locked", "deadlock")


class Size(NamedTuple):
    """How much is trained, searched and recorded at once."""

    data: str
    epochs: int
    repeats: int
    runs: int
    metrics: int  # of each of these
    searches: int
    at_once: int
    logged_epochs: int
    logged_metrics: int


FULL = Size("mnist", 5, 3, 1000, 100, 200, 10, 100, 10)
SMALLEST = Size("digits", 2, 1, 20, 5, 10, 3, 5, 2)
GOALS = {
    "overhead_server_up": "under 0.02",
    "overhead_server_down": "under 0.02",
    "search_p95_seconds": "under 1",
    "lost_metrics": "0",
}


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    options = _measure.options(__doc__)
    size = SMALLEST if options.smallest else FULL
    size = size._replace(repeats=options.repeats or size.repeats)
    for name in (ADDRESS, EXPERIMENT):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory() as folder:
        root = prepared(Path(folder, "lockstep"), size, options.data)
        found = trainings(root, size)
        found |= databases(root, size)
    rows = [[name, value, GOALS.get(name, "")] for name, value in found.items()]
    _measure.show(options, "tracking", found, _measure.table(["measure", "figure", "goal"], rows))


def prepared(root: Path, size: Size, data: Path) -> Path:
    """Return a clone in which only the train stage is left to run."""
    which = [f"data.name={size.data}", f"data.mirror={data}", "model.name=cnn"]
    training = [f"train.epochs={size.epochs}", "train.batch_size=128"]
    write_overridden(_measure.clone(root) / layout.PARAMS, [*which, *training])
    for stage in ("download", "normalize", "build"):
        run_stage(stage, root)
    return root


def trainings(root: Path, size: Size) -> dict[str, float]:
    """Return what recording takes of the training thread's time, and of all the time."""
    with tempfile.TemporaryDirectory() as folder, _servers.mlflow_server(Path(folder)) as address:
        ways = {
            "up": {ADDRESS: address},
            "down": {ADDRESS: f"http://127.0.0.1:{_measure.free_port()}"},
            "without": {},
        }
        rounds = [
            {name: train(root, f"{name}-{number}", each) for name, each in ways.items()}
            for number in range(size.repeats)
        ]
    without = min(each["without"]["training"] - each["without"]["entry"] for each in rounds)
    found = {}
    for name in ("up", "down"):
        own = [each[name] for each in rounds]
        shares = [(each["entry"] + each["send"]) / each["training"] for each in own]
        found[f"overhead_server_{name}"] = round(statistics.median(shares), 4)
        found[f"training_vs_without_{name}"] = round(least(own, "training") / without, 3)
        found |= {f"{part}_seconds_{name}": round(least(own, part), 4) for part in PARTS}
    return found


def least(rounds: Iterable[Mapping[str, float]], part: str) -> float:
    """Return the fewest seconds of a part of the stage."""
    return min(each[part] for each in rounds)


def train(root: Path, name: str, variables: Variables) -> dict[str, float]:
    """Run the train stage in a copy of the clone, as the first run of an experiment of its own."""
    target = Path(shutil.copytree(root, root.with_name(name)))
    without = [] if variables else ["without"]
    command = ["benchmarks._tracked_training", str(target), *without]
    seconds = finished(start(command, {**variables, EXPERIMENT: name}))
    shutil.rmtree(target)
    return dict(seconds)


def databases(root: Path, size: Size) -> dict[str, float]:
    """Return the time of a search, and the count of lost values, in both databases together."""
    searched, lost = {}, {}
    with _servers.postgresql() as uri:
        for name, variables in {"sqlite": {}, "postgresql": {ADDRESS: uri}}.items():
            lost[name] = record_at_once(root, name, size, variables)
            counts = (size.runs, size.metrics, size.searches)
            searched[name] = finished(start(runs("search", root, *counts), variables))
    return {
        "search_p95_seconds": round(max(searched.values()), 4),
        **{f"search_p95_seconds_{name}": round(each, 4) for name, each in searched.items()},
        "lost_metrics": sum(lost.values()),
        **{f"lost_metrics_{name}": each for name, each in lost.items()},
    }


def record_at_once(root: Path, name: str, size: Size, variables: Variables) -> int:
    """Record a run in each of several workspaces at once, and return how many values are lost.

    The database is empty before.
    """
    counts = (size.logged_epochs, size.logged_metrics)
    workspaces = [worktree(root, f"{name}-{number}", number) for number in range(size.at_once)]
    started = [start(runs("log", each, *counts), variables) for each in workspaces]
    for each in started:
        finished(each)
    return int(finished(start(runs("lost", root, size.at_once, *counts), variables)))


def worktree(root: Path, name: str, seed: int) -> Path:
    """Return a new workspace of the clone, which uses its database, with another experiment."""
    target = root.with_name(name)
    command = ["git", "worktree", "add", "--quiet", "--detach", str(target)]
    subprocess.run(command, cwd=root, check=True)
    write_overridden(target / layout.PARAMS, [f"seed={seed}"])
    return target


def runs(*words: object) -> list[str]:
    """Return the command of a process that makes or finds runs."""
    return ["benchmarks._tracked_runs", *map(str, words)]


def start(command: list[str], variables: Variables) -> subprocess.Popen[str]:
    """Start `python -m` with these arguments."""
    return subprocess.Popen(
        [sys.executable, "-m", *command], cwd=REPOSITORY, env={**os.environ, **variables},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> Any:
    """Return what a process prints as JSON; exit if it failed, or couldn't write to a database."""
    output, errors = process.communicate()
    if process.returncode or any(each in errors for each in LOCKED):
        sys.exit(output + errors)
    return json.loads(output.splitlines()[-1])


if __name__ == "__main__":
    main()
