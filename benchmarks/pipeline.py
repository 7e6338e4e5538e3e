"""What the pipeline costs beside a plain script, a bare flow, and `dvc status`.

    python -m benchmarks.pipeline --json [--data ../shared/data] [--repeats 3]

About 15 minutes on two cores. The peers run in turn, each as a whole process; the figures are
ratios of medians, and the difference of medians for the flow with nothing to do.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import _measure
from benchmarks._measure import REPOSITORY

EPOCHS, BATCH_SIZE = 5, 128
BARE = """
from prefect import flow, task
from prefect.cache_policies import NO_CACHE

@task(cache_policy=NO_CACHE, persist_result=False)
def nothing(): pass

@flow(persist_result=False)
def bare():
    for _ in range(6): nothing()

bare()
"""


def main() -> None:
    """Measure, and print one JSON object or a table."""
    options = _measure.options(__doc__, repeats=3)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.data, options.repeats)
    print(json.dumps(found) if options.json else table(found))


def measure(folder: Path, data: Path, repeats: int) -> dict[str, object]:
    """Time each peer `repeats` times, in turn, in workspaces under `folder`."""
    root = clone(folder)
    overrides = {"data": {"name": "mnist", "mirror": str(data)}, "model": {"name": "cnn"}}
    write_params(root, {**overrides, "train": {"epochs": EPOCHS, "batch_size": BATCH_SIZE}})
    script = [sys.executable, "-m", "benchmarks.script", data, folder, EPOCHS, BATCH_SIZE]
    cold = in_turn(
        repeats,
        lambda: timed(root, "lockstep", "run", before=forget),
        lambda: timed(REPOSITORY, *script),
    )
    noop = in_turn(
        repeats,
        lambda: timed(root, "lockstep", "run"),
        lambda: timed(root, sys.executable, "-c", BARE),
    )
    status = in_turn(
        repeats, lambda: timed(root, "dvc", "repro"), lambda: timed(root, "dvc", "status")
    )
    return {
        "cold_vs_script": round(cold[0] / cold[1], 3),
        "noop_seconds_over_bare": round(noop[0] - noop[1], 2),
        "repro_noop_vs_status": round(status[0] / status[1], 3),
        "medians": {
            "cold_run": cold[0], "script": cold[1], "noop_run": noop[0], "bare_flow": noop[1],
            "repro_noop": status[0], "status": status[1],
        },
    }  # fmt: skip


def in_turn(repeats: int, *peers: Callable[[], float]) -> list[float]:
    """The median seconds of each peer, which take turns so that a slow minute hits all of them."""
    rounds = [[peer() for peer in peers] for _ in range(repeats)]
    return [round(statistics.median(seconds), 2) for seconds in zip(*rounds, strict=True)]


def timed(root: Path, *command: object, before: Callable[[Path], None] | None = None) -> float:
    """The seconds that a command takes as a whole process."""
    if before:
        before(root)
    start = time.monotonic()
    ended = subprocess.run(
        [str(part) for part in command], cwd=root, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        sys.exit(ended.stdout + ended.stderr)
    return time.monotonic() - start


def forget(root: Path) -> None:
    """Leave nothing that a run made: neither results nor cache."""
    for name in (
        "data",
        "weights",
        "report",
        "logs",
        "mlartifacts",
        ".lockstep",
        ".dvc/cache",
        ".dvc/tmp",
    ):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in ("dvc.lock", "mlflow.db"):
        (root / name).unlink(missing_ok=True)


def clone(folder: Path) -> Path:
    """Return a clone of the repository at HEAD."""
    root = folder / "lockstep"
    subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(root)], check=True)
    return root


def write_params(root: Path, changes: dict[str, dict[str, object]]) -> None:
    """Change values of the clone's parameters."""
    sys.path.insert(0, str(REPOSITORY))
    import params

    assignments = [
        f"{section}.{key}={json.dumps(value)}"
        for section, values in changes.items()
        for key, value in values.items()
    ]
    params.write_overridden(root / "params.yaml", assignments)


def table(found: dict[str, object]) -> str:
    """The figures, one on a line."""
    return "\n".join(f"{name:24} {value}" for name, value in found.items())


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
