"""Checks of the classes of pictures, and a test split drawn from each."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lockstep.data.readers import user_files
from lockstep.data.readers.picture_folders import Picture
from lockstep.data.readers.picture_labels import as_labels
from lockstep.errors import DataError
from lockstep.messages import nearest
from lockstep.process import console

Splits = dict[str, list[Picture]]


def with_test_split(folder: Path, splits: Splits) -> Splits:
    """Return the splits, with a fifth of each class in train moved to test if there is none.

    Raises DataError for a class that is too small, or that train doesn't have.
    """
    counts = Counter(each.label for each in splits["train"])
    if len(counts) < 2:
        only = f", got {next(iter(counts))}" if counts else ""
        raise DataError(f"{folder}: expected sub-folders for two classes or more{only}")
    if "test" not in splits:
        splits = {**splits, **_drawn(folder, splits["train"], counts)}
    for split, pictures in splits.items():
        _check_known(split, pictures, counts)
        _say_missing(split, pictures, counts)
    return splits


def without(splits: Splits, faults: Mapping[Path, str], *, classes: bool) -> Splits:
    """Return the splits without files; raises DataError if that leaves nothing of a class."""
    left = {
        split: [each for each in inside if each.path not in faults]
        for split, inside in splits.items()
    }
    known = {each.label for inside in left.values() for each in inside} if classes else set()
    for path, label in (each for inside in splits.values() for each in inside):
        if classes and label not in known:
            raise DataError(
                f"{path.parent}: none of the pictures of the class {label!r} can be read, expected "
                "some; repair them, or remove the class"
            )
    return left


def _drawn(folder: Path, pictures: list[Picture], counts: Counter[str]) -> Splits:
    for name, count in counts.items():
        if count < user_files.TEST_DIVISOR:
            raise DataError(
                f"{folder}: the class {name!r} has {count} pictures, expected at least "
                f"{user_files.TEST_DIVISOR} to draw a test split; add some, or a folder test"
            )
    masks = [user_files.draw_test_mask(count) for count in counts.values()]
    return _parted(pictures, np.concatenate(masks))


def drawn_from_all(pictures: list[Picture]) -> Splits:
    """Return train and test of pictures whose labels are no classes to draw from."""
    return _parted(pictures, user_files.draw_test_mask(len(pictures)))


def are_numbers(pictures: list[Picture]) -> bool:
    """Return whether labels are numbers of which some are rare, as those of a regression are."""
    labels = as_labels([each.label for each in pictures])
    rare = min(Counter(labels.tolist()).values(), default=0) < user_files.TEST_DIVISOR
    return labels.dtype.kind != "U" and rare


def _parted(pictures: list[Picture], test: np.ndarray) -> Splits:
    sides = zip(pictures, test, strict=True)
    drawn: Splits = {"train": [], "test": []}
    for picture, is_test in sides:
        drawn["test" if is_test else "train"].append(picture)
    return drawn


def _check_known(split: str, pictures: list[Picture], counts: Counter[str]) -> None:
    found = Counter(each.label for each in pictures)
    for path, label in pictures:
        if label not in counts:
            raise DataError(
                f"{path}: label is {label!r}, expected {nearest(label, counts)}: the class has "
                f"{found[label]} pictures in {split} and none in train"
            )


def _say_missing(split: str, pictures: list[Picture], counts: Counter[str]) -> None:
    missing = counts.keys() - {each.label for each in pictures}
    if missing:
        named = ", ".join(f"{name!r} ({counts[name]} in train)" for name in sorted(missing))
        console.say(f"no pictures in {split} of the classes {named}")
