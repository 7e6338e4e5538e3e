"""All pictures of a data set, decoded into arrays that lie on disk."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lockstep.data.readers import decoding, images
from lockstep.data.readers.decoding import Job
from lockstep.data.readers.images import Look
from lockstep.data.readers.pixels import DEPTHS, PictureFormat
from lockstep.data.readers.unreadable import UnreadableError, UnreadableFiles
from lockstep.errors import DataError
from lockstep.process import console
from lockstep.process.workers import Workers
from lockstep.storage import disk

BLOCK = 2**24  # bytes to compare at once
HEADERS = 256  # that a process reads at once


class PictureOptions(NamedTuple):
    """What parameters say of a set of pictures, and where its arrays can lie."""

    scratch: Path
    size: list[int] | None = None  # height and width to resize to
    background: tuple[int, ...] = (255,)
    processes: int | None = None  # None: as many as pay


def load_pictures(splits: dict[str, list[Path]], options: PictureOptions) -> dict[str, np.ndarray]:
    """Return each split's pictures, (n, height, width), or (..., 3) if any of the set has colours.

    Raises UnreadableFiles with all that can't be read, DataError for different depths or sizes.
    """
    paths = [path for each in splits.values() for path in each]
    with Workers("reads pictures", options.processes) as workers:
        looks = _looks(paths, options.background, workers)
        _say_frames(looks)
        how = PictureFormat(_mode(looks), _depth(looks), options.background)
        size = options.size or _first_size(paths, how)
        pictures, faults = _decoded(splits, how, size, options, workers)
    if faults:
        raise UnreadableFiles(faults, len(paths))
    _say_flat(pictures.values())
    return pictures


def _decoded(
    splits: dict[str, list[Path]],
    how: PictureFormat,
    size: list[int],
    options: PictureOptions,
    workers: Workers,
) -> tuple[dict[str, np.ndarray], decoding.Faults]:
    pictures: dict[str, np.ndarray] = {}
    faults: decoding.Faults = {}
    count, resize = sum(map(len, splits.values())), options.size is not None
    jobs = {
        split: Job(options.scratch / f"{split}.npy", how, size, resize=resize) for split in splits
    }
    disk.require_space(options.scratch, count * next(iter(jobs.values())).picture_bytes)
    with console.count_bar("pictures", count) as done:
        for split, job in jobs.items():
            pictures[split], found = decoding.decode(job, splits[split], workers, done)
            faults |= found
    return pictures, faults


def _looks(paths: list[Path], background: tuple[int, ...], workers: Workers) -> dict[Path, Look]:
    looks: dict[Path, Look] = {}
    faults: decoding.Faults = {}
    batches = [paths[at : at + HEADERS] for at in range(0, len(paths), HEADERS)]
    with console.count_bar("headers of pictures", len(paths)) as done:
        for number, (found, wrong) in workers.run(partial(look_at_batch, background), batches):
            looks |= found
            faults |= wrong
            done(len(batches[number]))
    if faults:
        raise UnreadableFiles({path: faults[path] for path in paths if path in faults}, len(paths))
    return {path: looks[path] for path in paths}


def look_at_batch(
    background: tuple[int, ...], paths: list[Path]
) -> tuple[dict[Path, Look], decoding.Faults]:
    """Return what the files' headers say, and what is wrong with those that can't be read."""
    looks, faults = {}, {}
    for path in paths:
        try:
            looks[path] = images.look(path, background)
        except UnreadableError as error:
            faults[path] = str(error)
    return looks, faults


def _mode(looks: dict[Path, Look]) -> str:
    return "L" if all(each.mode == "L" for each in looks.values()) else "RGB"


def _depth(looks: dict[Path, Look]) -> str:
    """Return the depth of all pictures: 16 bits and 8 bits of one thing have different levels."""
    first: dict[str, Path] = {}
    for path, each in looks.items():
        first.setdefault(each.depth, path)
    if len(first) > 1:
        found = ", ".join(f"{path} has {DEPTHS[depth]}" for depth, path in first.items())
        raise DataError(f"{found}, expected one depth for all pictures; convert those of one")
    return next(iter(first))


def _first_size(paths: list[Path], how: PictureFormat) -> list[int]:
    """Return height and width of the first picture that can be read."""
    for path in paths:
        try:
            return list(images.load_image(path, how, None).shape[:2])
        except UnreadableError:
            continue  # counted when all are decoded
    return [1, 1]


def _say_frames(looks: dict[Path, Look]) -> None:
    count = sum(each.has_frames for each in looks.values())
    if count:
        console.say(f"{count} of {len(looks)} pictures have several frames: the first is taken")


def _say_flat(pictures: Iterable[np.ndarray]) -> None:
    """Say that all pixels of all pictures have one value, which no model can learn from."""
    pictures = list(pictures)
    value, count = pictures[0].flat[0], max(1, BLOCK // pictures[0][0].nbytes)
    batches = (each[at : at + count] for each in pictures for at in range(0, len(each), count))
    if all((batch == value).all() for batch in batches):
        console.say(f"all pixels of all pictures are {value}: there is nothing to learn from them")
