"""Find all that is left over."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from lockstep.errors import LockstepError
from lockstep.versioning.unused_objects import recorded_md5s
from pipelines import worktrees
from pipelines.leftovers import files, stores
from pipelines.leftovers.leftover import Leftovers, Row


class Found(NamedTuple):
    """What is left over, and why some places weren't looked at, a line each."""

    leftovers: list[Leftovers]
    kept: list[str]

    @property
    def rows(self) -> list[Row]:
        """All that is left over, one by one."""
        return [row for each in self.leftovers for row in each.rows]

    @property
    def size(self) -> int:
        """The bytes that all of it takes."""
        return sum(row.size for row in self.rows)


def search(root: Path) -> Found:
    """Return what nothing needs: no champion, registered version, experiment, commit or run."""
    known = recorded_md5s(root, worktrees.left_over(root))
    found = Found([], [])
    for place in (
        lambda: files.find(root),
        lambda: files.half_written(root),
        lambda: stores.in_mlflow(root, known),
        lambda: stores.in_cache(root, known),
    ):
        _look(place, found)
    return found


def _look(place: Callable[[], Iterator[Leftovers]], found: Found) -> None:
    try:
        found.leftovers.extend(place())
    except LockstepError as error:
        if str(error) not in found.kept:  # two places may need the same server
            found.kept.append(str(error))
