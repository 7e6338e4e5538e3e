"""Kill runs with kill -9 at random moments, and run the same command again."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tests.faults.commands import environment, quiet, run
from tests.faults.invariants import assert_nothing_lost, results
from tests.support.workspaces import git

COMMANDS = (["dvc", "repro"], ["lockstep", "run"])


def kills(start: Path, numbers: range, processes: int) -> dict[str, Any]:
    """Kill runs at moments that their numbers draw, and say which weren't exact after it."""
    undisturbed = copy(start, "undisturbed")
    begin = time.monotonic()
    run(undisturbed, COMMANDS[0])
    seconds, golden = time.monotonic() - begin, results(undisturbed)
    moments = [random.Random(number).uniform(0, seconds * processes) for number in numbers]
    with ThreadPoolExecutor(processes) as threads:
        outcomes = Counter(threads.map(partial(outcome, start, golden), numbers, moments))
    return {**outcomes, "undisturbed_seconds": round(seconds, 1)}


def outcome(start: Path, golden: dict[str, str], number: int, moment: float) -> str:
    """Kill one run, and return what came of it."""
    try:
        found = "killed, then exact" if kill(start, golden, number, moment) else "ended before"
    except (AssertionError, subprocess.CalledProcessError):
        traceback.print_exc()
        found = "not exact"
    print(f"{number}: {found}", file=sys.stderr)
    return found


def kill(start: Path, golden: dict[str, str], number: int, moment: float) -> bool:
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


def copy(start: Path, name: str) -> Path:
    """Return a fresh copy of the clone."""
    root = start.with_name(name)
    git(start.parent, "clone", "-q", str(start), str(root))
    return root
