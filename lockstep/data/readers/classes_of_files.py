"""Checks of the classes of files."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from lockstep.data.readers.class_folders import LabelledFile
from lockstep.errors import DataError
from lockstep.messages import nearest

Splits = dict[str, list[LabelledFile]]


def check_classes(folder: Path, splits: Splits) -> None:
    """Raise DataError for fewer than two classes, or one that train doesn't have."""
    counts = Counter(each.label for each in splits["train"])
    if len(counts) < 2:
        only = f", got {next(iter(counts))}" if counts else ""
        raise DataError(f"{folder}: expected sub-folders for two classes or more{only}")
    for split, pictures in splits.items():
        _check_known(split, pictures, counts)


def without(splits: Splits, faults: Mapping[Path, str], *, classes: bool) -> Splits:
    """Return the splits without files; raises DataError if that leaves nothing of a class."""
    left = {
        split: [each for each in inside if each.path not in faults]
        for split, inside in splits.items()
    }
    known = {each.label for inside in left.values() for each in inside} if classes else set()
    for path, label, _ in (each for inside in splits.values() for each in inside):
        if classes and label not in known:
            raise DataError(
                f"{path.parent}: none of the pictures of the class {label!r} can be read, expected "
                "some; repair them, or remove the class"
            )
    return left


def _check_known(split: str, pictures: list[LabelledFile], counts: Counter[str]) -> None:
    found = Counter(each.label for each in pictures)
    for path, label, _ in pictures:
        if label not in counts:
            raise DataError(
                f"{path}: label is {label!r}, expected {nearest(label, counts)}: the class has "
                f"{found[label]} files in {split} and none in train"
            )
