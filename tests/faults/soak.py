"""Long loops, outside of CI: `make soak` runs them, docs/reliability.md has their figures.

python -m tests.faults.soak kills [--count 200] [--first 0] [--processes 2]
python -m tests.faults.soak sweep [--count 200]
python -m tests.faults.soak week

`kills` starts `dvc repro` and `lockstep run` by turns in fresh clones, kills each with kill -9 at a
random moment, runs the same command again, and checks all invariants and the digest. `sweep` runs
experiments one after the other in one process tree, and measures it. `week` uses a checkout for 40
experiments and cleans it by `lockstep gc`. Each prints one JSON object.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import _measure
from tests.faults.invariants import assert_nothing_lost, digest
from tests.support import week
from tests.support.workspaces import SMALL, git, write_params

COMMANDS = (["dvc", "repro"], ["lockstep", "run"])
SAMPLE_SECONDS = 2
MEGABYTE = 1 << 20


def main() -> None:
    """Run one of the loops; the exit code is 1 if a killed run wasn't exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loop", choices=["kills", "sweep", "week"])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="the number of the first kill")
    parser.add_argument("--processes", type=int, default=2, help="kills at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder, "start")
        _measure.clone(start)
        if options.loop == "kills":
            numbers = range(options.first, options.first + options.count)
            found = kills(start, numbers, options.processes)
        elif options.loop == "sweep":
            found = sweep(start, options.count)
        else:
            found = clean(start, Path(folder, "temporary"))
    print(json.dumps(found, indent=2))
    sys.exit("not exact" in found)


def kills(start: Path, numbers: range, processes: int) -> dict[str, Any]:
    """Kill runs at moments that their numbers draw, and say which weren't exact after it."""
    undisturbed = copy(start, "undisturbed")
    begin = time.monotonic()
    run(undisturbed, COMMANDS[0])
    seconds, golden = time.monotonic() - begin, digest(undisturbed)
    moments = [random.Random(number).uniform(0, seconds * processes) for number in numbers]
    with ThreadPoolExecutor(processes) as threads:
        outcomes = Counter(threads.map(partial(outcome, start, golden), numbers, moments))
    return {**outcomes, "undisturbed_seconds": round(seconds, 1)}


def outcome(start: Path, golden: str, number: int, moment: float) -> str:
    """Kill one run, and return what came of it."""
    try:
        found = "killed, then exact" if kill(start, golden, number, moment) else "ended before"
    except (AssertionError, subprocess.CalledProcessError):
        traceback.print_exc()
        found = "not exact"
    print(f"{number}: {found}", file=sys.stderr)
    return found


def kill(start: Path, golden: str, number: int, moment: float) -> bool:
    """Kill one run, run it again and check it; return whether it was still running."""
    root, command = copy(start, f"killed-{number}"), COMMANDS[number % len(COMMANDS)]
    process = subprocess.Popen(command, cwd=root, env=environment(), **quiet())
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        if number % 4 < 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:  # its children notice it
            process.kill()
    killed = process.wait() < 0
    run(root, command)
    assert_nothing_lost(root, golden)
    shutil.rmtree(root)
    return killed


def sweep(root: Path, count: int) -> dict[str, Any]:
    """Run `count` experiments in one process tree; return its memory, files and disk over time."""
    command = ["lockstep", "sweep", f"seed=0..{count - 1}", "train.epochs=1", "model.name=mlp"]
    samples: list[tuple[int, int, int, int]] = []
    process = subprocess.Popen(
        [*command, "--sampler", "grid"], cwd=root, env=environment(), **quiet()
    )
    while process.poll() is None:
        samples.append((trials(root), *of_tree(process.pid), occupied(root)))
        time.sleep(SAMPLE_SECONDS)
    assert process.returncode == 0
    return {"trials": trials(root), "by_fifth": list(by_fifth(samples, count))}


def clean(root: Path, temporary: Path) -> dict[str, Any]:
    """Use a checkout for a week, clean it, and return what was left over; raises AssertionError."""
    temporary.mkdir()
    os.environ |= {"TMPDIR": str(temporary), "PATH": environment()["PATH"]}
    write_params(root, SMALL)
    git(root, "commit", "-qam", "Small")
    kept = week.play(root, temporary, week.Week(kept=27, removed=3, failed=5, killed=5))
    found = week.plan(root)
    week.lockstep(root, "gc")
    after = week.plan(root)
    assert not after["leftovers"], after
    week.assert_nothing_needed_is_gone(root, kept)
    return {"kept": len(kept), "leftovers": week.kinds(found), "bytes": found["bytes"]}


def by_fifth(samples: list[tuple[int, int, int, int]], count: int) -> Iterator[dict[str, float]]:
    """Yield the medians of each fifth of the trials, the first without the imports."""
    for fifth in range(5):
        low, high = fifth * count / 5, (fifth + 1) * count / 5
        found = [each for each in samples if max(low, 1) <= each[0] < high]
        memory, files, disk = (median(column) for column in list(zip(*found, strict=True))[1:])
        yield {
            "trials": int(high),
            "memory_mb": round(memory / MEGABYTE),
            "open_files": files,
            "disk_mb": round(disk / MEGABYTE),
        }


def trials(root: Path) -> int:
    """How many trials of the sweep have ended."""
    records = list((root / ".lockstep/sweeps").glob("*.json"))
    return len(json.loads(records[0].read_text())["trials"]) if records else 0


def of_tree(process: int) -> tuple[int, int]:
    """The resident memory in bytes and the open files of a process and all below it."""
    memory = files = 0
    for pid in (process, *descendants(process)):
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            memory += pages * os.sysconf("SC_PAGE_SIZE")
            files += len(list(Path(f"/proc/{pid}/fd").iterdir()))
        except OSError:  # it has ended
            continue
    return memory, files


def descendants(process: int) -> Iterator[int]:
    """All processes below a process."""
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = [int(each) for each in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from descendants(child)


def occupied(root: Path) -> int:
    """The bytes that a checkout takes."""
    return int(
        subprocess.run(["du", "-sb", root], capture_output=True, text=True).stdout.split()[0]
    )


def copy(start: Path, name: str) -> Path:
    """Return a fresh copy of the clone."""
    root = start.with_name(name)
    git(start.parent, "clone", "-q", str(start), str(root))
    return root


def run(root: Path, command: list[str]) -> None:
    """Run a command to its end; raises CalledProcessError if it fails."""
    subprocess.run(command, cwd=root, env=environment(), check=True, **quiet())


def environment() -> dict[str, str]:
    """This environment, with this program's commands found first, and no server."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: each for name, each in os.environ.items() if not name.endswith("_URI")}
    return {**kept, "PATH": path}


def quiet() -> dict[str, Any]:
    """A session of its own, and no output."""
    return {
        "start_new_session": True,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }


if __name__ == "__main__":
    main()
