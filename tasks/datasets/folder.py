"""A folder of images of one's own, with a sub-folder for each class; see data/README.md."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from lockstep.data.readers import images, user_files
from lockstep.errors import DataError

GREY = ("1", "L")
bring = user_files.bring


def read(folder: Path, size: list[int] | None) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return images (n, height, width), with (..., 3) if any has colours, and class names (n,).

    They are resized to `size`, height and width, or must have one size. Raises DataError with the
    path of what is no image.
    """
    if {path.name for path in folder.iterdir()} == {"train", "test"}:
        found = {split: _by_class(folder / split) for split in ("train", "test")}
        paths = {split: [each for each, _ in pairs] for split, pairs in found.items()}
        images = dict(zip(found, _images(paths.values(), size), strict=True))
        return {split: (images[split], _names(pairs)) for split, pairs in found.items()}
    pairs = _by_class(folder)
    (x,), y = _images([[path for path, _ in pairs]], size), _names(pairs)
    test = np.concatenate([user_files.for_testing(int((y == name).sum())) for name in np.unique(y)])
    return {"train": (x[~test], y[~test]), "test": (x[test], y[test])}


def _by_class(folder: Path) -> list[tuple[Path, str]]:
    """Each file with its class, sorted by both."""
    pairs = []
    for place in sorted(folder.iterdir()):
        if not place.is_dir():
            raise DataError(f"{place}: a file, expected only sub-folders, one for each class")
        inside = sorted(place.iterdir())
        if not inside:
            raise DataError(f"{place}: empty, expected images of this class")
        pairs += [(path, place.name) for path in inside]
    if len({name for _, name in pairs}) < 2:
        raise DataError(f"{folder}: expected sub-folders for two classes or more")
    return pairs


def _names(pairs: list[tuple[Path, str]]) -> np.ndarray:
    return np.array([name for _, name in pairs])


def _images(splits: Iterable[list[Path]], size: list[int] | None) -> Iterator[np.ndarray]:
    """Each split's images in one array; grey if all of all splits are."""
    splits = list(splits)
    looks = [images.look(path) for paths in splits for path in paths]
    mode = "L" if all(mode in GREY for mode, _ in looks) else "RGB"
    height_width = size or looks[0][1]
    for paths in splits:
        yield np.stack(
            [images.load_image(path, mode, height_width, resize=size is not None) for path in paths]
        )
