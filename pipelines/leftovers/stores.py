"""What is left over in the main checkout's MLflow database and DVC cache."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lockstep.errors import LockstepError
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import leftovers, needed_data
from lockstep.versioning import unused_objects
from lockstep.versioning.repository import cache_of
from pipelines import worktrees
from pipelines.leftovers import idle
from pipelines.leftovers.leftover import Leftovers, of_files, row_of


def in_mlflow(root: Path, known: set[str]) -> Iterator[Leftovers]:
    """Yield runs and models that nothing needs; `known` are the hashes that git has."""
    records = leftovers.find(root, known)
    if records:
        rows = (row_of(each.kind, each.name, each.folders) for each in records)
        yield Leftovers(tuple(rows), partial(leftovers.remove, root, records))


def in_cache(root: Path, known: set[str]) -> Iterator[Leftovers]:
    """Yield the cache's files that nothing needs, as one.

    Raises LockstepError if it can't be told what is needed.
    """
    unused = _unused(root, known)
    if unused:
        name = f"{len(unused)} files of {cache_of(root)}"
        yield of_files("DVC's cache", name, unused, partial(_remove, root, unused))


def _unused(root: Path, known: set[str]) -> list[Path]:
    _check(root)
    return unused_objects.find(root, known | needed_data.needed_md5s(root))


def _check(root: Path) -> None:
    """Raise LockstepError if others may need files that git here doesn't know."""
    main = main_checkout(root)
    cache, own = cache_of(main), main.resolve() / ".dvc" / "cache"
    if cache != own:
        raise LockstepError(
            f"{cache}: may be shared with other clones, so it isn't looked at; "
            "`dvc gc --all-commits --all-experiments --projects` knows those that you name"
        )
    idle.check(root)


def _remove(root: Path, listed: list[Path]) -> None:
    """Remove those of the listed files that still nothing needs.

    A person may have answered late: what was made in the meantime may need them again.
    """
    _check(root)  # what begins later is seen below
    known = unused_objects.recorded_md5s(root, worktrees.left_over(root))
    unused = set(_unused(root, known))
    for file in (each for each in listed if each in unused):
        file.unlink(missing_ok=True)
