"""Look for all problems of a checkout, and mend them."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lockstep.errors import LockstepError
from pipelines.repairs import damage, ended_processes, lock_file, locks_left
from pipelines.repairs.repair import Repair


def examine(root: Path, *, remote: bool) -> tuple[list[Repair], list[str]]:
    """Return what can be mended, and why some places couldn't be looked at, a line each.

    All files of DVC's cache are read and, with `remote`, those of the default remote.
    """
    found: list[Repair] = []
    unseen: list[str] = []
    for place in (
        lambda: locks_left.find(root),
        lambda: lock_file.find(root),
        lambda: ended_processes.find(root),
        lambda: damage.find(root, remote=remote),
    ):
        _look(place, found, unseen)
    return found, unseen


def _look(place: Callable[[], Iterator[Repair]], found: list[Repair], unseen: list[str]) -> None:
    try:
        found.extend(place())
    except LockstepError as error:
        unseen.append(str(error))


def mend(repairs: list[Repair]) -> list[str]:
    """Mend what was found, and return why some of it couldn't be mended, a line each."""
    failed = []
    for each in repairs:
        try:
            each.act()
        except (LockstepError, OSError) as error:
            failed.append(f"{each.problem}: not mended: {error}")
    return failed
