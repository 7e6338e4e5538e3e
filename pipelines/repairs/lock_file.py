"""What a merge, a kill or an editor has broken in dvc.lock, and a merge in results."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lockstep.errors import DataError
from lockstep.versioning import git_merging, lock_file
from pipelines.repairs.repair import Repair


def find(root: Path) -> Iterator[Repair]:
    """Yield it, as one: both are mended together."""
    restore = partial(lock_file.restore_lock, root)
    if conflicts := git_merging.conflicts(root):
        problem = f"a merge has left conflicts in {', '.join(conflicts)}"
        yield Repair(problem, "take dvc.lock stage by stage, and results as they are here", restore)
        return
    try:
        lock_file.check(root)
    except DataError as error:
        problem = str(error).partition(";")[0]
        yield Repair(problem, "set it aside, and bring the last good one back", restore)
