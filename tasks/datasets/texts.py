"""The user's own folder of text files, with a sub-folder for each class or a CSV of labels.

See data/README.md.
"""

from pathlib import Path

from lockstep.config.schema import Data, Params
from lockstep.data.readers import user_files
from lockstep.data.readers.class_folders import described
from lockstep.data.readers.classes_of_files import check_classes
from lockstep.data.readers.file_labels import find_files, labelled_data, place_of
from lockstep.data.readers.raw_data import RawData
from lockstep.data.readers.stored_texts import write_texts
from lockstep.data.readers.text_files import read_text
from lockstep.errors import DataError
from lockstep.process import console

import_files = user_files.import_files
SUFFIX = ".txt"


def check(source: Path, data: Data) -> None:
    """Raise DataError if `source` is no folder; its contents are checked when they are read."""
    user_files.check_folder(source)


def place(folder: Path, split: str, number: int, data: Data) -> str:
    """Return the path that a text has, or the row of the CSV that names it."""
    return place_of(folder, split, number, data)


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the folder has."""
    return {split: len(files) for split, files in find_files(source, data).splits.items()}


def read(folder: Path, params: Params, scratch: Path) -> RawData:
    """Return texts in `scratch`, (n,), and labels (n,); raises DataError that names the file."""
    found = find_files(folder, params.data)
    if found.ignored:
        console.say(f"ignored, not texts of a class: {described(found.ignored)}")
    if params.data.labels_file is None:
        check_classes(folder, found.splits)
    paths = {split: [each.path for each in files] for split, files in found.splits.items()}
    others = [path for each in paths.values() for path in each if path.suffix != SUFFIX]
    if others:
        raise DataError(
            f"{others[0]}: one of {len(others)} files that aren't {SUFFIX}, remove them"
        )
    texts = {
        split: write_texts((read_text(path, params.data.encoding) for path in each), scratch)
        for split, each in paths.items()
    }
    return labelled_data(found, texts, params.data)
