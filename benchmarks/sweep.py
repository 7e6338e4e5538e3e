"""What a sweep costs beside its trainings, what two slots gain, and a plain Optuna script.

    python -m benchmarks.sweep --json [--trials 20] [--smallest]

About 20 minutes on two cores. Each peer is a whole process with the same search space, in a fresh
clone, on scikit-learn's digits; all trials of one slot and of two are compared, weight for weight.
Writes its table into docs/performance.md.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _measure
from benchmarks._measure import REPOSITORY
from lockstep.config.overrides import write_overridden
from lockstep.storage import layout
from lockstep.versioning.compared import experiments, weights_at

RATES, UNITS = "train.learning_rate=log:1e-4..1e-2", "model.cnn.units=32,64,128"


class Size(NamedTuple):
    """How many trials there are, and of how many epochs."""

    trials: int
    epochs: int


FULL, SMALLEST = Size(20, 20), Size(2, 1)


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    parser = _measure.parser(__doc__)
    parser.add_argument("--trials", type=int, help="how many trials each peer runs")
    options = parser.parse_args()
    size = SMALLEST if options.smallest else FULL
    size = size._replace(trials=options.trials or size.trials)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), size)
    _measure.show(options, "sweep", found, table(found))


def measure(folder: Path, size: Size) -> dict[str, Any]:
    """Run the peers one after the other, and compare the weights of one slot with those of two."""
    one, two = (sweep(folder / str(slots), size, slots) for slots in (1, 2))
    plain = seconds([sys.executable, "-m", "benchmarks._plain_sweep", *map(str, size)])
    trials = [each for each in one["trials"] if each["state"] == "complete"]
    overheads = [each["seconds"]["overhead"] for each in trials]
    return {
        "trial_overhead_seconds": round(statistics.median(overheads), 2),
        "parallel_speedup": round(one["wall"] / two["wall"], 3),
        "equal_digests": one["weights"] == two["weights"],
        "peer": {
            "one_slot": round(one["wall"], 1),
            "two_slots": round(two["wall"], 1),
            "optuna_with_fit": round(plain, 1),
        },
    }


def sweep(root: Path, size: Size, slots: int) -> dict[str, Any]:
    """Run a sweep in a fresh clone; random, so that the slots' number changes no suggestion."""
    _measure.clone(root)
    write_overridden(root / layout.PARAMS, [f"train.epochs={size.epochs}"])
    command = ["lockstep", "sweep", RATES, UNITS, "--sampler", "random", "--json"]
    command += ["--trials", str(size.trials), "--parallel", str(slots)]
    begin = time.perf_counter()
    ended = subprocess.run(
        command, cwd=root, env=environment(), check=True, text=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(ended.stdout)
    weights = {name: weights_at(root, commit) for name, commit in experiments(root).items()}
    return {**found, "wall": time.perf_counter() - begin, "weights": weights}


def seconds(command: list[str]) -> float:
    """Return how long a command takes."""
    begin = time.perf_counter()
    subprocess.run(command, cwd=REPOSITORY, env=environment(), check=True, capture_output=True)
    return time.perf_counter() - begin


def environment() -> dict[str, str]:
    """Return this environment, with its commands found first and no server."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: each for name, each in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    return {**kept, "PATH": path}


def table(found: dict[str, Any]) -> str:
    """Return the figures with their goals."""
    walls = found["peer"]
    rows = [
        ("median seconds of a trial beside train and evaluate", found["trial_overhead_seconds"],
         "2 at most"),
        ("two slots, times one slot", found["parallel_speedup"], "1.3 at least"),
        ("weights of one slot and of two are equal", found["equal_digests"], "True"),
        ("seconds in all, one slot", walls["one_slot"], ""),
        ("seconds in all, two slots", walls["two_slots"], ""),
        ("seconds in all, Optuna with `fit` in one process", walls["optuna_with_fit"], ""),
    ]  # fmt: skip
    return _measure.table(("sweep", "figure", "goal"), rows)


if __name__ == "__main__":
    main()
