"""The user's own folder of text files, with a sub-folder for each class; see data/README.md."""

from pathlib import Path

import numpy as np

from lockstep.config.schema import Data, Params
from lockstep.data.readers import user_files
from lockstep.data.readers.class_folders import described, find_by_class
from lockstep.data.readers.classes_of_files import check_classes
from lockstep.data.readers.text_files import read_text
from lockstep.errors import DataError
from lockstep.process import console

import_files = user_files.import_files
SUFFIX = ".txt"


def check(source: Path, data: Data) -> None:
    """Raise DataError if `source` is no folder; its contents are checked when they are read."""
    user_files.check_folder(source)


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the folder has."""
    return {split: len(files) for split, files in find_by_class(source).splits.items()}


def read(folder: Path, params: Params, scratch: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return texts (n,) and labels (n,); raises DataError that names the file."""
    found, ignored = find_by_class(folder)
    if ignored:
        console.say(f"ignored, not texts of a class: {described(ignored)}")
    check_classes(folder, found)
    others = [each.path for files in found.values() for each in files if each.path.suffix != SUFFIX]
    if others:
        raise DataError(
            f"{others[0]}: one of {len(others)} files that aren't {SUFFIX}, remove them"
        )
    return {
        split: (
            np.array([read_text(each.path, params.data.encoding) for each in files], object),
            np.array([each.label for each in files]),
        )
        for split, files in found.items()
    }
