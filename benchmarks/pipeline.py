"""What the pipeline costs beside a plain script, a bare flow, and `dvc status`.

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
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import _measure
from benchmarks._measure import REPOSITORY
from lockstep.config.overrides import write_overridden
from lockstep.storage import layout

BATCH_SIZE = 128
# The commands of this Python, and the one that dvc starts stages with.
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
MADE = (
    layout.RAW, layout.READY, layout.WEIGHTS, layout.REPORT, layout.CHECKPOINTS, layout.LOGS,
    layout.PRIVATE, f"{layout.TRACKING_DATABASE}*", layout.TRACKING_ARTIFACTS,
    "dvc.lock", ".dvc/cache", ".dvc/tmp",
)  # fmt: skip


class Size(NamedTuple):
    """What is trained in a cold run, and how often each peer is timed."""

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
    """Time the peers, in turn, in a clone under `folder`."""
    root, (name, epochs, repeats) = _measure.clone(folder / "lockstep"), size
    write_overridden(root / layout.PARAMS, overrides(size, data))
    work = [name, data, folder, epochs, BATCH_SIZE]
    script = [sys.executable, "-m", "benchmarks.script", *work]
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


def overrides(size: Size, data: Path) -> list[str]:
    """The parameters of the script's work; whatever it learns is registered."""
    which = [f"data.name={size.data}", f"data.mirror={data}", "model.name=cnn"]
    training = [f"train.epochs={size.epochs}", f"train.batch_size={BATCH_SIZE}"]
    return [*which, *training, "register.minimum=0"]


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
        [str(part) for part in command],
        cwd=root, env=os.environ | {"PATH": PATH}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ended.returncode:
        sys.exit(ended.stdout + ended.stderr)
    return time.monotonic() - start


def forget(root: Path) -> None:
    """Leave nothing that a run made, neither results nor cache, and each file that git knows."""
    command = ["git", "clean", "-ffdxq", "--", *map(str, MADE)]
    subprocess.run(command, cwd=root, check=True)


def table(found: dict[str, object]) -> str:
    """The figures, one on a line."""
    return "\n".join(f"{name:24} {value}" for name, value in found.items())


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main()
