"""Long loops, outside of CI: `make soak` runs them, docs/reliability.md has their figures.

python -m tests.faults.soak kills [--count 200] [--first 0] [--processes 2] [--small]
python -m tests.faults.soak sweep [--count 200]
python -m tests.faults.soak week
python -m tests.faults.soak disk [--count 1000] [--first 0] [--small]
python -m tests.faults.soak runs [--count 100]

`kills` starts `dvc repro` and `lockstep run` by turns in fresh clones, kills each with kill -9 at a
random moment, runs the same command again, and checks all invariants and the digest. `sweep` runs
experiments one after the other in one process tree, and measures it. `week` uses a checkout for 40
experiments and cleans it by `lockstep gc`. `disk` lets the disk of a run get full at each of its
writes in turn, makes room and runs it again. `runs` asks `lockstep up` for runs at once, with
PostgreSQL, and waits until all have ended. Each prints one JSON object.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks import _measure
from tests.faults import full_disk, kills, long_sweep
from tests.faults.commands import environment
from tests.support import week
from tests.support.many_runs import assert_made_and_ended, prefect_on_postgresql
from tests.support.workspaces import SMALL, git, keep_stages, write_params


def main() -> None:
    """Run one of the loops; the exit code is 1 if a killed run wasn't exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("loop", choices=["kills", "sweep", "week", "disk", "runs"])
    parser.add_argument("--count", type=int)
    parser.add_argument("--first", type=int, default=0, help="the first kill, or write to the disk")
    parser.add_argument("--processes", type=int, default=2, help="kills at once")
    parser.add_argument("--small", action="store_true", help="trainings of 2 epochs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = Path(folder, "start")
        _measure.clone(start)
        if options.small or options.loop == "week":
            write_params(start, SMALL)
            git(start, "commit", "-qam", "Small")
        if options.loop == "kills":
            numbers = range(options.first, options.first + (options.count or 200))
            found = kills.kills(start, numbers, options.processes)
        elif options.loop == "sweep":
            found = long_sweep.sweep(start, options.count or 200)
        elif options.loop == "disk":
            found = full_disks(start, options.first, options.count or 1000)
        elif options.loop == "runs":
            found = runs(start, options.count or 100)
        else:
            found = clean(start, Path(folder, "temporary"))
    print(json.dumps(found, indent=2))
    sys.exit(bool(found.get("not exact")))


def full_disks(start: Path, first: int, count: int) -> dict[str, Any]:
    """Let the disk get full at each write of a run, and say which runs weren't right after it."""
    os.environ["PATH"] = environment()["PATH"]
    rooms, golden = full_disk.undisturbed(start, start.with_name("undisturbed"))
    lines: list[str] = []
    for number, room in list(enumerate(rooms))[first : first + count]:
        command = (full_disk.LOCKSTEP_RUN, full_disk.DVC_REPRO)[number % 2]
        root = start.with_name(f"full-{number}")
        try:
            lines.append(full_disk.fill(start, root, room, golden, command))
        except AssertionError:
            traceback.print_exc()
            lines.append("not exact")
        print(f"{number}: {room} bytes: {lines[-1]}", file=sys.stderr)
    return {
        "writes": len(rooms), "bytes": rooms[-1], "full": sum(map(bool, lines)),
        "not exact": lines.count("not exact"),
    }  # fmt: skip


def runs(root: Path, count: int) -> dict[str, Any]:
    """Ask for runs at once, and return how many have completed; raises AssertionError."""
    os.environ["PATH"] = environment()["PATH"]
    keep_stages(root, ["download"])
    git(root, "commit", "-qam", "Download only")
    begin = time.monotonic()
    with prefect_on_postgresql():
        assert_made_and_ended(root, count, count)
    return {"completed": count, "seconds": round(time.monotonic() - begin)}


def clean(root: Path, temporary: Path) -> dict[str, Any]:
    """Use a checkout for a week, clean it, and return what was left over; raises AssertionError."""
    temporary.mkdir()
    os.environ |= {"TMPDIR": str(temporary), "PATH": environment()["PATH"]}
    kept = week.play(root, temporary, week.Week(kept=27, removed=3, failed=5, killed=5))
    found = week.plan(root)
    week.lockstep(root, "gc")
    after = week.plan(root)
    assert not after["leftovers"], after
    week.assert_nothing_needed_is_gone(root, kept)
    return {"kept": len(kept), "leftovers": week.kinds(found), "bytes": found["bytes"]}


if __name__ == "__main__":
    main()
