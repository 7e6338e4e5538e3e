"""The user's own folder of images, with a sub-folder for each class; see data/README.md."""

from collections import Counter
from pathlib import Path

import numpy as np

from lockstep.data.readers import picture_sets, user_files
from lockstep.data.readers.picture_classes import Splits, with_test_split, without
from lockstep.data.readers.picture_folders import described, find_pictures
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


def train_examples(source: Path) -> int:
    """Return the number of examples that are for training or validation."""
    splits = find_pictures(source).splits
    if "test" in splits:
        return len(splits["train"])
    counts = Counter(each.label for each in splits["train"])
    return sum(map(user_files.left_for_training, counts.values()))


def has_validation(source: Path) -> bool:
    """Return whether the folder has a validation split of its own."""
    return "validation" in find_pictures(source).splits


def read_pictures(
    folder: Path, options: PictureOptions
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return pictures (n, height, width), or (..., 3) if any isn't grey, and class names (n,).

    Raises DataError that names the file.
    """
    splits, ignored = find_pictures(folder)
    if ignored:
        console.say(f"ignored, not pictures: {described(ignored)}")
    splits, pictures = _loaded(folder, splits, options)
    return {
        split: (pictures[split], np.array([each.label for each in splits[split]]))
        for split in splits
    }


def _loaded(
    folder: Path, found: Splits, options: PictureOptions
) -> tuple[Splits, dict[str, np.ndarray]]:
    """Load all splits, again without the files that can't be read if these are to be skipped."""
    while True:
        splits = with_test_split(folder, found)
        paths = {split: [each.path for each in inside] for split, inside in splits.items()}
        try:
            return splits, picture_sets.load_pictures(paths, options)
        except UnreadableFiles as error:
            if not options.skip_unreadable:
                raise
            console.say(f"left out, for data.skip_unreadable: {error.summary}")
            found = without(found, error.faults)
