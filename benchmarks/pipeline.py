"""The overhead of the pipeline over a plain script, a bare Prefect flow, and `dvc status`.

    python -m benchmarks.pipeline --json [--data ../shared/data] [--repeats 3] [--smallest]

About 15 minutes on two cores. The peers run in turn, each as a whole process; the figures are
ratios of medians, and the difference of medians for the flow with nothing to do.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from benchmarks import _measure
from benchmarks._measure import REPOSITORY
from lockstep.config.overrides import write_overridden
from lockstep.process.runner import announce_runner
from lockstep.storage import layout
from pipelines.servers import temporary_server

BATCH_SIZE = 128
# Finds this environment's commands, and the Python that dvc starts stages with.
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
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
RESULTS = (
    layout.RAW, layout.READY, layout.WEIGHTS, layout.REPORT, layout.CHECKPOINTS, layout.LOGS,
    layout.PRIVATE, f"{layout.TRACKING_DATABASE}*", layout.TRACKING_ARTIFACTS,
    "dvc.lock", ".dvc/cache", ".dvc/tmp",
)  # fmt: skip


class Size(NamedTuple):
    """What a cold run trains, and how often each peer is timed."""

    data: str
    epochs: int
    repeats: int


FULL, SMALLEST = Size("mnist", 5, 3), Size("digits", 1, 1)


def main() -> None:
    """Measure, and print one JSON object or a table."""
    options = _measure.options(__doc__)
    size = SMALLEST if options.smallest else FULL
    size = size._replace(repeats=options.repeats or size.repeats)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.data, size)
    print(json.dumps(found) if options.json else table(found))


def measure(folder: Path, data: Path, size: Size) -> dict[str, object]:
    """Time the peers alternately in a clone under `folder`."""
    root, (name, epochs, repeats) = _measure.clone(folder / "lockstep"), size
    write_overridden(root / layout.PARAMS, overrides(size, data))
    work = [name, data, folder, epochs, BATCH_SIZE]
    script = [sys.executable, "-m", "benchmarks.script", *work]
    cold = in_turn(
        repeats,
        lambda: timed(root, "lockstep", "run", before=remove_results),
        lambda: timed(REPOSITORY, *script),
    )
    server = start_server()
    noop = in_turn(
        repeats,
        lambda: timed(root, "lockstep", "run", variables=server),
        lambda: timed(root, sys.executable, "-c", BARE, variables=server),
        lambda: timed(root, "lockstep", "run"),
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
            "noop_run_without_server": noop[2], "repro_noop": status[0], "status": status[1],
        },
    }  # fmt: skip


def start_server() -> dict[str, str]:
    """Start a Prefect server that ends with this process, and return the variable that names it."""
    announce_runner()
    os.environ["PYTHONPATH"] = str(REPOSITORY)  # the server is a module of this checkout
    try:
        return {"PREFECT_API_URL": temporary_server.start()}
    finally:
        del os.environ["PYTHONPATH"]


def overrides(size: Size, data: Path) -> list[str]:
    """Return overrides for the same work as the script's, with every model registered."""
    which = [f"data.name={size.data}", f"data.mirror={data}", "model.name=cnn"]
    training = [f"train.epochs={size.epochs}", f"train.batch_size={BATCH_SIZE}"]
    return [*which, *training, "register.threshold=0"]


def in_turn(repeats: int, *peers: Callable[[], float]) -> list[float]:
    """Return each peer's median seconds; they alternate, so that a slow phase affects all."""
    rounds = [[peer() for peer in peers] for _ in range(repeats)]
    return [round(statistics.median(seconds), 2) for seconds in zip(*rounds, strict=True)]


def timed(
    root: Path,
    *command: object,
    before: Callable[[Path], None] | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> float:
    """Return the seconds that a command takes as a process, from start to exit."""
    if before:
        before(root)
    start = time.monotonic()
    ended = subprocess.run(
        [str(part) for part in command],
        cwd=root, env={**os.environ, "PATH": PATH, **variables},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        sys.exit(ended.stdout + ended.stderr)
    return time.monotonic() - start


def remove_results(root: Path) -> None:
    """Remove all results and caches of a run, but no file that git tracks."""
    command = ["git", "clean", "-ffdxq", "--", *map(str, RESULTS)]
    subprocess.run(command, cwd=root, check=True)


def table(found: dict[str, object]) -> str:
    """Return the figures, one per line."""
    return "\n".join(f"{name:24} {value}" for name, value in found.items())


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
