"""The user's own folder of images, with a sub-folder for each class or a CSV of labels.

See data/README.md.
"""

from pathlib import Path
from typing import Any

import numpy as np

from lockstep.config.schema import Data, Params
from lockstep.data.readers import picture_sets, user_files
from lockstep.data.readers.class_folders import described
from lockstep.data.readers.classes_of_files import Splits, check_classes, without
from lockstep.data.readers.file_labels import find_files, labelled_data, place_of
from lockstep.data.readers.picture_sets import PictureOptions
from lockstep.data.readers.pixels import PictureFormat
from lockstep.data.readers.raw_data import RawData
from lockstep.data.readers.unreadable import UnreadableFiles
from lockstep.process import console

INPUT_KIND = "image"


def import_files(source: Path, raw: Path) -> None:
    """Copy the folder's content but hidden files, which are counted."""
    user_files.import_files(source, raw)
    hidden = sorted(source.rglob(".*"))
    if hidden:
        console.say(f"ignored as hidden: {described(hidden)}")


def check(source: Path, data: Data) -> None:
    """Raise DataError if `source` is no folder; its contents are checked when they are read."""
    user_files.check_folder(source)


def count_examples(source: Path, data: Data) -> dict[str, int]:
    """Return the number of examples of each split that the folder has."""
    found = find_files(source, data)
    return {split: len(pictures) for split, pictures in found.splits.items()}


def place(folder: Path, split: str, number: int, data: Data) -> str:
    """Return the path that a picture has, or the row of the CSV that names it."""
    return place_of(folder, split, number, data)


def read(folder: Path, params: Params, scratch: Path) -> RawData:
    """Return pictures (n, height, width), or (..., 3) if any isn't grey, and labels (n,).

    Raises DataError that names the file.
    """
    found = find_files(folder, params.data)
    if found.ignored:
        console.say(f"ignored, not pictures: {described(found.ignored)}")
    if params.data.labels_file is None:
        check_classes(folder, found.splits)
    splits, pictures = _loaded(folder, found.splits, params.data, _options(params, scratch))
    return labelled_data(found._replace(splits=splits), pictures, params.data)


def file_format(pictures: np.ndarray, params: Params) -> dict[str, Any]:
    """Return how the pictures were read, for predictions from files."""
    background = params.normalize.background_levels
    return PictureFormat("", pictures.dtype.name, background).stored


def _options(params: Params, scratch: Path) -> PictureOptions:
    normalize = params.normalize
    return PictureOptions(scratch, normalize.image_size, normalize.background_levels)


def _loaded(
    folder: Path, found: Splits, data: Data, options: PictureOptions
) -> tuple[Splits, dict[str, np.ndarray]]:
    """Load all splits, again without the files that can't be read if these are to be skipped."""
    while True:
        paths = {split: [each.path for each in inside] for split, inside in found.items()}
        try:
            return found, picture_sets.load_pictures(paths, options)
        except UnreadableFiles as error:
            if not data.skip_unreadable:
                raise
            summary = error.summary.replace(f"{folder}/", "")  # a copy of the user's folder
            console.say(f"left out, for data.skip_unreadable: {summary}")
            found = without(found, error.faults, classes=data.labels_file is None)
