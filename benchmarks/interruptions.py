"""Whether a run that was killed, or interrupted in a terminal, goes on to the same results.

    python -m benchmarks.interruptions --json [--kills 30] [--interrupts 10] [--smallest]

About 40 minutes on two cores. Each time in a fresh clone: `lockstep run` or `dvc repro` gets
kill -9 at a random moment of its first 20 seconds; `lockstep run`, with and without overrides, gets
Ctrl-C in a pseudo-terminal. Then the same command runs to its end.
"""

import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import _measure, _terminal
from lockstep.storage import layout

RUN, REPRO = ("lockstep", "run"), ("dvc", "repro")
OVERRIDDEN = (*RUN, "seed=1")
FIRST_SECONDS = 20.0
MARK = "LOCKSTEP_INTERRUPTED"  # an environment variable that all processes of a run inherit
LINE = "lockstep run: interrupted; run the same command again to go on from there"


class Size(NamedTuple):
    """How many runs are killed, and how many interrupted."""

    kills: int
    interrupts: int


FULL, SMALLEST = Size(30, 10), Size(2, 2)


def main() -> None:
    """Interrupt, and print one JSON object or a table."""
    parser = _measure.parser(__doc__)
    parser.add_argument("--kills", type=int, help="number of runs to kill")
    parser.add_argument("--interrupts", type=int, help="number of runs to interrupt")
    options = parser.parse_args()
    size = SMALLEST if options.smallest else FULL
    kills = size.kills if options.kills is None else options.kills
    interrupts = size.interrupts if options.interrupts is None else options.interrupts
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), Size(kills, interrupts))
    rows = [[name, json.dumps(value)] for name, value in found.items()]
    text = _measure.table(["measure", "found"], rows)
    print(json.dumps(found) if options.json else text)


def measure(folder: Path, size: Size) -> dict[str, Any]:
    """Interrupt runs in clones under `folder`, and compare their results."""
    generator = random.Random(0)  # noqa: S311  # draws moments, no secrets
    golden = _measure.clone(folder / "golden")
    finish(golden, RUN)
    expected = digest(golden)
    kills = []
    for number in range(size.kills):
        root = _measure.clone(folder / f"kill-{number}")
        command = (RUN, REPRO)[number % 2]
        kills.append(kill(root, command, generator.uniform(0, FIRST_SECONDS), expected))
        say(number, kills[-1])
        shutil.rmtree(root)
    interrupts = []
    for number in range(size.interrupts):
        root = _measure.clone(folder / f"interrupt-{number}")
        command = (RUN, OVERRIDDEN)[number % 2]
        interrupts.append(interrupt(root, command, generator.uniform(0.2, FIRST_SECONDS), expected))
        say(number, interrupts[-1])
        shutil.rmtree(root)
    return {"kills": summary(kills), "interrupts": summary(interrupts)}


def say(number: int, found: dict[str, Any]) -> None:
    """Print a line to stderr about one run, since all of them take long."""
    seconds = f", ended in {found['seconds']:.1f} s" if "seconds" in found else ""
    failed = [name for name, holds in found["holds"].items() if not holds]
    what = f"{found['command']} at {found['moment']:.2f} s{seconds}"
    print(f"{number + 1}: {what}: {', '.join(failed) or 'holds'}", file=sys.stderr, flush=True)


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Count the runs for which everything holds, and list those for which something doesn't."""
    odd = [each for each in found if not all(each["holds"].values())]
    seconds = [each["seconds"] for each in found if "seconds" in each]
    slowest = {"slowest_seconds": round(max(seconds), 1)} if seconds else {}
    return {"runs": len(found), "hold": len(found) - len(odd), **slowest, "odd": odd}


def kill(root: Path, command: tuple[str, ...], moment: float, expected: str) -> dict[str, Any]:
    """Kill the command's process group after `moment` seconds, and run the same command again."""
    process = subprocess.Popen(
        command, cwd=root, env=marked(root), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    ended = finish(root, command)
    holds = {
        "ended": ended == "",
        "equal": ended == "" and digest(root) == expected,
        "one_version": versions(root) == 1,
        "no_run_left": statuses(root) <= {"FINISHED"},
        "nothing_set_aside": not list(root.glob("mlflow.db.*")),
    }
    return {"command": " ".join(command), "moment": moment, "holds": holds, "output": ended}


def interrupt(root: Path, command: tuple[str, ...], moment: float, expected: str) -> dict[str, Any]:
    """Press Ctrl-C after `moment` seconds, and run the same command again."""
    pressed = _terminal.interrupt(root, command, [moment], marked(root))
    after = {"left": left(root), "statuses": sorted(statuses(root))}
    ended = finish(root, command)
    lines = [line for line in re.split(r"[\r\n]+", plain(pressed.output)) if LINE in line]
    holds = {
        "code": pressed.code == 130,
        "in_time": pressed.seconds < 10,
        "one_line": len(lines) == 1 and "Traceback" not in pressed.output,
        "no_process_left": not after["left"],
        "killed_in_mlflow": "RUNNING" not in after["statuses"],
        "goes_on": ended == "",
        "equal": command == OVERRIDDEN or (ended == "" and digest(root) == expected),
        "no_workspace_left": not list((root / layout.WORKSPACES).glob("*")),
    }
    return {
        "command": " ".join(command), "moment": moment, "seconds": pressed.seconds, "holds": holds,
        "output": "" if all(holds.values()) else plain(pressed.output)[-2000:] + ended, **after,
    }  # fmt: skip


def plain(text: str) -> str:
    """Return a terminal's output without its control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def marked(root: Path) -> dict[str, str]:
    """Return the environment of a run, by which its processes are found."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, MARK: str(root), "DO_NOT_TRACK": "1"}


def finish(root: Path, command: tuple[str, ...]) -> str:
    """Run the command to its end; returns its output if it failed, otherwise an empty text."""
    ended = subprocess.run(
        command, cwd=root, env=marked(root), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, timeout=600,
    )  # fmt: skip
    return f"code {ended.returncode}: {ended.stdout[-2000:]}" if ended.returncode else ""


def left(root: Path) -> list[str]:
    """Return the command lines of the run's processes that are still there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={root}".encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " ")[:200])
    return found


def digest(root: Path) -> str:
    """Return the sha256 of dvc.lock, which has the hashes of all results."""
    return hashlib.sha256((root / "dvc.lock").read_bytes()).hexdigest()


def versions(root: Path) -> int:
    """Return the number of registered versions."""
    return len(rows(root, "SELECT version FROM model_versions"))


def statuses(root: Path) -> set[str]:
    """Return the statuses of the MLflow runs."""
    return {str(status) for (status,) in rows(root, "SELECT status FROM runs")}


def rows(root: Path, query: str) -> list[tuple[Any, ...]]:
    """Return the answer of the checkout's MLflow database; nothing if there is none."""
    file = root / layout.TRACKING_DATABASE
    if not file.exists():
        return []
    with contextlib.closing(sqlite3.connect(file, timeout=30)) as database:
        return list(database.execute(query))


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
