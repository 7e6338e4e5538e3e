"""Measure the processes of a long sweep: their memory, their open files, and the disk."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.commands import environment, quiet

SAMPLE_SECONDS = 2
MEGABYTE = 1 << 20


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
