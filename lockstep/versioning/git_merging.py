"""How git merges what stages have written: dvc.lock stage by stage, results as they are here.

.gitattributes names the files and the drivers. `make env` tells git in a clone what the drivers
are; where it didn't, or in a merge on another machine, `resolve` does the same afterwards.
"""

import os
import shlex
import sys
from pathlib import Path

from lockstep.storage import atomic_files, git
from lockstep.storage.checkout import folder_in_repository
from lockstep.versioning.lock_merging import merged

LOCK_DRIVER, RESULTS_DRIVER = "lockstep-lock", "lockstep-results"
NAMES = {LOCK_DRIVER: "dvc.lock, stage by stage", RESULTS_DRIVER: "results, as they are here"}
SCRIPT = Path("lockstep", "versioning", "lock_merging.py")
# All worktrees share one configuration, and the checkout may be moved. Git runs drivers in the top
# folder of a worktree.
MAIN = '"$(git rev-parse --git-common-dir)"/..'


def configure(root: Path) -> None:
    """Set the drivers in the configuration of this clone, if git is there."""
    if git.ended(root, "rev-parse", "--git-dir").returncode:
        return
    script = f"{MAIN}/{shlex.quote(str(folder_in_repository(root) / SCRIPT))}"
    drivers = {LOCK_DRIVER: f"python3 -I {script} %O %A %B", RESULTS_DRIVER: "true"}
    wanted = {f"merge.{name}.driver": value for name, value in drivers.items()}
    wanted |= {f"merge.{name}.name": value for name, value in NAMES.items()}
    for key, value in wanted.items():
        if git.answer(root, "config", "--local", "--get", key) != value:
            git.ended(root, "config", "--local", key, value)


def conflicts(root: Path) -> list[str]:
    """Return the files that stages have written in which a merge has left conflicts."""
    return [path for path in _unmerged(root) if _driver_of(root, path) in NAMES]


def resolve(root: Path) -> list[str]:
    """End the conflicts of a merge in what stages have written, and return the files.

    Others are left, and those that one side has removed. Raises MachineError if git fails.
    """
    ended = []
    for path, sides in _unmerged(root).items():
        driver = _driver_of(root, path)
        if driver == LOCK_DRIVER:
            ended += [path] if _merge_lock(root, path) else []
        elif driver == RESULTS_DRIVER and "2" in sides:
            git.done(root, "checkout", "--ours", "--", path)
            ended.append(path)
    if ended:
        git.done(root, "add", "--", *ended)
    return ended


def _driver_of(root: Path, path: str) -> str:
    """Return the name of the driver that .gitattributes gives a file."""
    return (git.answer(root, "check-attr", "-z", "merge", "--", path).split("\0") + [""] * 3)[2]


def _merge_lock(root: Path, path: str) -> bool:
    sides = (git.ended(root, "show", f":{number}:./{path}").stdout for number in (1, 2, 3))
    found = merged(*map(os.fsdecode, sides))
    if found:
        atomic_files.write_text(root / path, found)
    return bool(found)


def _unmerged(root: Path) -> dict[str, str]:
    """Return the numbers of the sides that have a file of the project, by its path."""
    found: dict[str, str] = {}
    for line in git.answer(root, "ls-files", "--unmerged", "-z").split("\0"):
        entry, _, path = line.partition("\t")
        if path:
            found[path] = found.get(path, "") + entry[-1]
    return found


if __name__ == "__main__":
    configure(Path(sys.argv[1]))
