"""The user's own folder of images, with a sub-folder for each class or a CSV of labels.

See data/README.md.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from lockstep.data.readers import picture_sets, user_files
from lockstep.data.readers.picture_classes import (
    Splits,
    are_numbers,
    drawn_from_all,
    with_test_split,
    without,
)
from lockstep.data.readers.picture_folders import Found, described, find_pictures
from lockstep.data.readers.picture_labels import as_labels, find_labelled
from lockstep.data.readers.picture_sets import PictureOptions
from lockstep.data.readers.unreadable import UnreadableFiles
from lockstep.errors import DataError
from lockstep.process import console

INPUT_KIND = "image"


def import_files(source: Path, raw: Path) -> None:
    """Copy the folder's content but hidden files, which are counted."""
    user_files.import_files(source, raw)
    hidden = sorted(source.rglob(".*"))
    if hidden:
        console.say(f"ignored as hidden: {described(hidden)}")


def check(source: Path, target: str | None) -> None:
    """Raise DataError if `source` is no folder; its contents are checked when they are read."""
    user_files.check_exists(source)
    if not source.is_dir():
        raise DataError(
            f"data.path: {source}: got a file, expected a folder with a sub-folder for each class"
        )


def train_examples(source: Path, labels_file: str | None = None) -> int:
    """Return the number of examples that are for training or validation."""
    found = _find(source, labels_file)
    if "test" in found.splits:
        return len(found.splits["train"])
    counts = Counter(each.label for each in found.splits["train"])
    if labels_file is not None and are_numbers(found.splits["train"]):
        return user_files.left_for_training(counts.total())
    return sum(map(user_files.left_for_training, counts.values()))


def has_validation(source: Path) -> bool:
    """Return whether the folder has a validation split of its own."""
    return "validation" in find_pictures(source).splits


def read_pictures(
    folder: Path, options: PictureOptions
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return pictures (n, height, width), or (..., 3) if any isn't grey, and labels (n,).

    Raises DataError that names the file.
    """
    found, ignored = _find(folder, options.labels_file)
    if ignored:
        console.say(f"ignored, not pictures: {described(ignored)}")
    splits, pictures = _loaded(folder, found, options)
    texts = [each.label for inside in splits.values() for each in inside]
    labels = as_labels(texts) if options.labels_file else np.array(texts)
    ends = np.cumsum([len(inside) for inside in splits.values()])[:-1]
    parts = np.split(labels, ends)
    return {split: (pictures[split], y) for split, y in zip(splits, parts, strict=True)}


def _find(folder: Path, labels_file: str | None) -> Found:
    return find_labelled(folder, labels_file) if labels_file else find_pictures(folder)


def _loaded(
    folder: Path, found: Splits, options: PictureOptions
) -> tuple[Splits, dict[str, np.ndarray]]:
    """Load all splits, again without the files that can't be read if these are to be skipped."""
    numbers = options.labels_file is not None and are_numbers(found["train"])
    while True:
        splits = drawn_from_all(found["train"]) if numbers else with_test_split(folder, found)
        paths = {split: [each.path for each in inside] for split, inside in splits.items()}
        try:
            return splits, picture_sets.load_pictures(paths, options)
        except UnreadableFiles as error:
            if not options.skip_unreadable:
                raise
            summary = error.summary.replace(f"{folder}/", "")  # a copy of the user's folder
            console.say(f"left out, for data.skip_unreadable: {summary}")
            found = without(found, error.faults, classes=not numbers)
