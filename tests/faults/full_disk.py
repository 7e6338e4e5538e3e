"""Let a checkout's disk get full in the middle of a run, then make room and run again.

The whole checkout is on a small disk, with DVC's cache, MLflow's database and the artifacts: which
write fails is only a matter of the number of bytes that there is room for.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from tests.faults.invariants import TRACEBACK, assert_nothing_lost, results
from tests.support.small_disk import small_disk
from tests.support.workspaces import git, run

ENOUGH = "1g"
# `lockstep run` asks for 500 MB at its start, which other programs may take after that.
UNCHECKED = """
from lockstep.process import bytecode
bytecode.write_only_with_room()
import sys
from pipelines import local
from pipelines.cli.__main__ import main
local.SPARE_BYTES = 0
sys.exit(main(["run"]))
"""
LOCKSTEP_RUN = [sys.executable, "-c", UNCHECKED]
DVC_REPRO = ["dvc", "repro"]


def undisturbed(start: Path, root: Path) -> tuple[list[int], dict[str, str]]:
    """Return with how many bytes of room each write fails that a run makes, and its results.

    Writes between two looks at the disk, of which there are some hundred a second, are one.
    """
    with small_disk(root, ENOUGH, lazy=True):
        git(root.parent, "clone", "-q", str(start), str(root))
        before = shutil.disk_usage(root).used
        with _watched(root) as highest:
            assert _run(root, LOCKSTEP_RUN).returncode == 0
        assert_nothing_lost(root, results(root))
        return [used - before for used in highest[:-1]], results(root)


@contextmanager
def _watched(root: Path) -> Iterator[list[int]]:
    """Yield the numbers of used bytes that were the highest so far, until the block ends."""
    highest, ended = [shutil.disk_usage(root).used], Event()

    def watch() -> None:
        while not ended.wait(0.002):
            if (used := shutil.disk_usage(root).used) > highest[-1]:
                highest.append(used)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield highest
    finally:
        ended.set()
        watcher.join()


def fill(start: Path, root: Path, room: int, golden: dict[str, str], command: list[str]) -> str:
    """Run a command in a clone with so many bytes of room, then again with enough.

    Returns the last line of the first one, which is empty if the room was enough. Raises
    AssertionError if it isn't as it must be. `root` is for this call only: SQLAlchemy keeps the
    database of a path open.
    """
    with small_disk(root, ENOUGH, lazy=True):
        git(root.parent, "clone", "-q", str(start), str(root))
        _resize(root, str(shutil.disk_usage(root).used + room))
        ended = _run(root, command)
        assert TRACEBACK not in ended.stdout, ended.stdout
        assert ended.returncode in ((0, 4) if command == LOCKSTEP_RUN else (0, 255)), ended.stdout
        _resize(root, ENOUGH)
        again = _run(root, command)
        assert again.returncode == 0, again.stdout
        assert_nothing_lost(root, golden)
    if ended.returncode == 0:
        return ""
    last: str = ended.stdout.rstrip().splitlines()[-1]
    assert command != LOCKSTEP_RUN or str(root) in last, ended.stdout
    return last


def _run(root: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    # As the command `lockstep` sets them.
    return run(root, *command, PYTHONPATH=str(root), PYTHONHASHSEED="0")


def _resize(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
