"""What the stage normalize knows of a data set that data/ready doesn't hold."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Findings:
    """What a data card says besides what can be read from data/ready."""

    columns: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # kind and why, by name
    target_why: str = ""  # why the targets were taken for their kind
    duplicates: int = 0  # test examples that the training split has too
    notes: tuple[str, ...] = ()  # the lines that the stage said


def without_folders(notes: Iterable[str], path: Path) -> tuple[str, ...]:
    """Return lines in which a person's file has its name only: a card has no paths of a machine."""
    spellings = sorted({str(path), str(path.resolve())}, key=len, reverse=True)
    found = []
    for note in notes:
        for each in spellings:
            note = note.replace(each, path.name)  # noqa: PLW2901
        found.append(note)
    return tuple(found)
