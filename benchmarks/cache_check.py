"""What it costs to check the files that come out of DVC's cache against their hash.

    python -m benchmarks.cache_check --json [--repeats 3] [--smallest]

About a minute on two cores, and 3 GB of temporary disk space. A stage's output of 1 GB, in files of
100 MB, is restored from the cache by DVC, then checked; the next stage's check finds the files
unchanged, and `register` reads them again. Writes its table into docs/performance.md.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import _measure
from lockstep.versioning.repository import open_repository
from lockstep.versioning.reproduction import reproduce_stage
from lockstep.versioning.verification import verify_inputs, verify_outputs

GRAPH = """
stages:
  make: {cmd: make, deps: [source], outs: [made]}
  use: {cmd: use, deps: [made], outs: [used]}
"""


class Size(NamedTuple):
    """How much is checked, in files of how many bytes, and how often."""

    files: int
    bytes: int
    repeats: int


FULL, SMALLEST = Size(10, 100_000_000, 3), Size(2, 100_000, 1)


def main() -> None:
    """Measure, write the table, and print one JSON object or the table."""
    parser = _measure.parser(__doc__)
    parser.add_argument("--repeats", type=int, help="how often each is timed")
    options = parser.parse_args()
    size = SMALLEST if options.smallest else FULL
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), size._replace(repeats=options.repeats or size.repeats))
    rows = [[name.replace("_", " "), value] for name, value in found.items()]
    _measure.show(options, "cache_check", found, _measure.table(["measure", "figure"], rows))


def measure(root: Path, size: Size) -> dict[str, float]:
    """Return the medians in seconds, and the ratio of restoring with and without the check."""
    make_project(root, size)
    rounds = [one_round(root) for _ in range(size.repeats)]
    restore, check, unchanged, again = map(statistics.median, zip(*rounds, strict=True))
    return {
        "restored_and_checked_vs_restored": round((restore + check) / restore, 3),
        "restore_seconds": round(restore, 3),
        "check_seconds": round(check, 3),
        "unchanged_seconds": round(unchanged, 3),
        "check_before_register_seconds": round(again, 3),
    }


def make_project(root: Path, size: Size) -> None:
    """Make a DVC repository whose first stage has written files of random bytes."""
    subprocess.run(["git", "init", "-q", root], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q"], cwd=root, check=True)
    (root / "dvc.yaml").write_text(GRAPH, encoding="utf-8")
    (root / "source").write_text("source", encoding="utf-8")
    random = np.random.default_rng(0)

    def make(_: str) -> bool:
        (root / "made").mkdir()
        for number in range(size.files):
            (root / "made" / str(number)).write_bytes(random.bytes(size.bytes))
        return True

    reproduce_stage(root, "make", make)


def one_round(root: Path) -> tuple[float, float, float, float]:
    """Return the seconds of DVC's restoring and of the three checks."""
    shutil.rmtree(root / "made")
    with open_repository(root) as repo:
        restore = seconds(lambda: repo.checkout(targets=[str(root / "made")], force=True))
    return (
        restore,
        seconds(lambda: verify_outputs(root)),
        seconds(lambda: verify_inputs(root, "use")),
        seconds(lambda: verify_inputs(root, "use", again=True)),
    )


def seconds(action: Callable[[], object]) -> float:
    """Return the seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
