"""Find the files in a folder, by class and split, as people lay out such folders."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple

from lockstep.errors import DataError

SPELLINGS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
SPLITS = ("train", "validation", "test")
# What systems leave in folders, and what people write beside pictures; all in lower case.
LEFT_BEHIND = (".*", "thumbs.db", "desktop.ini", "__macosx")
WRITTEN_BESIDE = ("readme*", "license*", "licence*", "*.txt", "*.md")
IS_LEFT_BEHIND, IS_WRITTEN_BESIDE = (
    re.compile("|".join(map(translate, each))) for each in (LEFT_BEHIND, WRITTEN_BESIDE)
)


class LabelledFile(NamedTuple):
    """A file, its class, and its place among the split's files or in a CSV's rows."""

    path: Path
    label: str
    row: int = 0


class Found(NamedTuple):
    """Files by the split that their folder gives, sorted by class and path; what was ignored."""

    splits: dict[str, list[LabelledFile]]
    ignored: list[Path]
    cells: dict[str, list[str]] = {}  # noqa: RUF012  # of a CSV's columns of weights and keys
    first: int = 1  # the number of the CSV's first row of a file


def find_by_class(folder: Path) -> Found:
    """Return the files of a folder with classes, or with train, validation and test inside.

    Without folders for splits, all are in train. Raises DataError for a folder that is neither.
    """
    given = _split_folders(folder)
    splits = {split: _by_class(given[split]) for split in SPLITS if split in given}
    inside = (folder, *given.values())
    ignored = [path for each in inside for path in entries(each) if _is_beside(path)]
    return Found(splits, ignored + _left_behind(folder, ignored))


def files_below(folder: Path) -> Iterator[Path]:
    """Yield all files in a folder and its sub-folders, except what systems leave there.

    Raises DataError for a link to a folder, which may lead to one above it, or to the whole disk.
    """
    for path in entries(folder):
        if is_left_behind(path):
            continue
        if path.is_dir():
            yield from files_below(path)
        else:
            yield path


def entries(folder: Path) -> list[Path]:
    """Return what a folder has, sorted; raises DataError for a link to a folder."""
    found = sorted(folder.iterdir())
    for path in found:
        if path.is_symlink() and path.is_dir():
            raise DataError(f"{path}: links to {path.resolve()}, expected a folder or a file")
    return found


def described(ignored: Iterable[Path]) -> str:
    """Return what was ignored, as `2 Thumbs.db, 1 README.md`."""
    counts = Counter(path.name for path in ignored)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def is_left_behind(path: Path) -> bool:
    """Return whether a system wrote a file or folder, such as .DS_Store or Thumbs.db."""
    return IS_LEFT_BEHIND.match(path.name.lower()) is not None


def _is_beside(path: Path) -> bool:
    written = IS_WRITTEN_BESIDE.match(path.name.lower())
    return is_left_behind(path) or (written is not None and path.is_file())


def _left_behind(folder: Path, known: list[Path]) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if is_left_behind(path))
    return [path for path in found if path not in known and not _is_inside(path, folder)]


def _is_inside(path: Path, folder: Path) -> bool:
    """Return whether a path lies in something that is ignored as a whole, such as __MACOSX."""
    return any(map(is_left_behind, path.relative_to(folder).parents))


def _split_folders(folder: Path) -> dict[str, Path]:
    """Each split's folder; a folder is a split by its name, unless it and others are classes."""
    folders = [each for each in entries(folder) if each.is_dir() and not _is_beside(each)]
    named = [each for each in folders if each.name.lower() in SPELLINGS]
    others = [each for each in folders if each not in named]
    if not named or (others and not any(map(_has_folders, named))):
        return {"train": folder}
    given = {SPELLINGS[each.name.lower()]: each for each in named}
    if others or len(given) < len(named) or "train" not in given:
        raise DataError(
            f"{folder}: got the folders {', '.join(each.name for each in folders)}, expected "
            "train with validation and test or without them, each once, or only classes"
        )
    return given


def _has_folders(folder: Path) -> bool:
    return any(each.is_dir() and not is_left_behind(each) for each in folder.iterdir())


def _by_class(folder: Path) -> list[LabelledFile]:
    pictures: list[LabelledFile] = []
    for directory in entries(folder):
        if _is_beside(directory):
            continue
        if not directory.is_dir():
            raise DataError(f"{directory}: a file, expected only sub-folders, one for each class")
        inside = [LabelledFile(path, directory.name) for path in files_below(directory)]
        if not inside:
            raise DataError(f"{directory}: empty, expected files of this class")
        pictures += inside
    return [each._replace(row=row) for row, each in enumerate(pictures)]
