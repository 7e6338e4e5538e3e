"""Things that are left over, and what removes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lockstep.storage.disk import freed_bytes


class Row(NamedTuple):
    """One thing that nothing needs: what it is, and how many bytes it takes."""

    kind: str
    name: str
    size: int


@dataclass(frozen=True)
class Leftovers:
    """What is removed together."""

    rows: tuple[Row, ...]
    remove: Callable[[], object]


def of_files(
    kind: str, name: str, files: Sequence[Path], remove: Callable[[], object]
) -> Leftovers:
    """Return one thing that consists of files and folders."""
    return Leftovers((row_of(kind, name, files),), remove)


def row_of(kind: str, name: str, files: Sequence[Path]) -> Row:
    """Return the row of files and folders."""
    return Row(kind, name, sum(map(freed_bytes, files)))
