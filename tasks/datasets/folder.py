"""The user's own folder of images, with a sub-folder for each class; see data/README.md."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from lockstep.data.readers import images, user_files
from lockstep.errors import DataError

INPUT_KIND = "image"
GREY = ("1", "L")
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


def read(folder: Path, size: list[int] | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images (n, height, width), with (..., 3) if any isn't grey, and class names (n,).

    Images are resized to `size`, [height, width]; if it is None, all must have the same size.
    Raises DataError that names the file.
    """
    if {path.name for path in folder.iterdir()} == {"train", "test"}:
        found = {split: _by_class(folder / split) for split in ("train", "test")}
        paths = {split: [each for each, _ in pairs] for split, pairs in found.items()}
        images = dict(zip(found, _images(paths.values(), size), strict=True))
        return {split: (images[split], _names(pairs)) for split, pairs in found.items()}
    pairs = _by_class(folder)
    (x,), y = _images([[path for path, _ in pairs]], size), _names(pairs)
    test = np.concatenate(
        [user_files.draw_test_mask(int((y == name).sum())) for name in np.unique(y)]
    )
    return {"train": (x[~test], y[~test]), "test": (x[test], y[test])}


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


def _names(pairs: list[tuple[Path, str]]) -> np.ndarray:
    return np.array([name for _, name in pairs])


def _images(splits: Iterable[list[Path]], size: list[int] | None) -> Iterator[np.ndarray]:
    """Each split's images as one array; grey only if all images of all splits are."""
    splits = list(splits)
    looks = [images.mode_and_size(path) for paths in splits for path in paths]
    mode = "L" if all(mode in GREY for mode, _ in looks) else "RGB"
    height_width = size or looks[0][1]
    for paths in splits:
        yield np.stack(
            [images.load_image(path, mode, height_width, resize=size is not None) for path in paths]
        )
