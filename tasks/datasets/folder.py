"""The user's own folder of images, with a sub-folder for each class; see data/README.md."""

from pathlib import Path

import numpy as np

from lockstep.data.readers import picture_sets, user_files
from lockstep.data.readers.picture_sets import PictureOptions
from lockstep.errors import DataError

INPUT_KIND = "image"
import_files = user_files.import_files


def check(source: Path, target: str | None) -> None:
    """Raise DataError if `source` is no folder; its contents are checked by `read`."""
    user_files.check_exists(source)
    if not source.is_dir():
        raise DataError(
            f"data.path: {source}: got a file, expected a folder with a sub-folder for each class"
        )


def place(folder: Path, split: str, number: int) -> str:
    """Return the path of an example of a split that has a folder of its own."""
    return str(_by_class(folder / split)[number][0])


def train_examples(source: Path) -> int:
    """Return the number of examples that are for training or validation."""
    folders = [each for each in source.iterdir() if not each.name.startswith(".")]
    if {each.name for each in folders} == {"train", "test"}:
        return sum(map(_count, (source / "train").iterdir()))
    return sum(user_files.left_for_training(_count(each)) for each in folders)


def _count(directory: Path) -> int:
    inside = directory.iterdir() if directory.is_dir() else ()
    return sum(not each.name.startswith(".") for each in inside)


def read_pictures(
    folder: Path, options: PictureOptions
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return pictures (n, height, width), or (..., 3) if any isn't grey, and class names (n,).

    Raises DataError that names the file.
    """
    splits = _splits(folder)
    paths = {split: [path for path, _ in pairs] for split, pairs in splits.items()}
    pictures = picture_sets.load_pictures(paths, options)
    return {
        split: (pictures[split], np.array([name for _, name in pairs]))
        for split, pairs in splits.items()
    }


def _splits(folder: Path) -> dict[str, list[tuple[Path, str]]]:
    if {path.name for path in folder.iterdir()} == {"train", "test"}:
        return {split: _by_class(folder / split) for split in ("train", "test")}
    pairs = _by_class(folder)
    names = [name for _, name in pairs]
    drawn = [user_files.draw_test_mask(names.count(name)) for name in dict.fromkeys(names)]
    test = np.concatenate(drawn)
    return {
        "train": [pair for pair, tests in zip(pairs, test, strict=True) if not tests],
        "test": [pair for pair, tests in zip(pairs, test, strict=True) if tests],
    }


def _by_class(folder: Path) -> list[tuple[Path, str]]:
    """Each file with its class, sorted by class and file name."""
    pairs = []
    for directory in sorted(folder.iterdir()):
        if not directory.is_dir():
            raise DataError(f"{directory}: a file, expected only sub-folders, one for each class")
        inside = sorted(directory.iterdir())
        if not inside:
            raise DataError(f"{directory}: empty, expected images of this class")
        pairs += [(path, directory.name) for path in inside]
    if len({name for _, name in pairs}) < 2:
        raise DataError(f"{folder}: expected sub-folders for two classes or more")
    return pairs
