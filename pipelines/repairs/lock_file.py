"""A dvc.lock that a merge, a kill or an editor has broken."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lockstep.errors import DataError
from lockstep.versioning import lock_file
from pipelines.repairs.repair import Repair

REMEDY = "set it aside, and bring the last good one back"


def find(root: Path) -> Iterator[Repair]:
    """Yield it."""
    try:
        lock_file.check(root)
    except DataError as error:
        problem = str(error).partition(";")[0]
        yield Repair(problem, REMEDY, partial(lock_file.restore_lock, root))
