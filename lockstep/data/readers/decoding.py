"""Decode many pictures into one .npy file, by as many processes as pay."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lockstep.data.readers.images import load_image
from lockstep.data.readers.pixels import PictureFormat
from lockstep.data.readers.unreadable import UnreadableError
from lockstep.process.workers import Workers

BATCH = 32  # pictures; small, so that progress is shown and processes end together
Faults = dict[Path, str]
Batch = tuple[int, list[Path]]  # an index in the array, and the files from there on
OnDone = Callable[[int], None]


class Job(NamedTuple):
    """How pictures are decoded, and the file that they go to."""

    file: Path
    how: PictureFormat
    size: list[int]
    resize: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a picture's array."""
        return (*self.size, 3) if self.how.mode == "RGB" else tuple(self.size)

    @property
    def picture_bytes(self) -> int:
        """Size of a picture's array."""
        return math.prod(self.shape) * np.dtype(self.how.depth).itemsize


def decode(
    job: Job, paths: list[Path], workers: Workers, done: OnDone
) -> tuple[np.ndarray, Faults]:
    """Return the pictures as a memory map, and what is wrong with those that can't be read.

    Each picture's bits depend on its file alone, so they are the same for any number of processes.
    """
    shape = (len(paths), *job.shape)
    np.lib.format.open_memmap(job.file, "w+", job.how.depth, shape).flush()
    batches = [(at, paths[at : at + BATCH]) for at in range(0, len(paths), BATCH)]
    faults: Faults = {}
    for number, found in workers.run(partial(decode_batch, job), batches):
        faults |= found
        done(len(batches[number][1]))
    return np.load(job.file, mmap_mode="r"), {
        path: faults[path] for path in paths if path in faults
    }


def decode_batch(job: Job, batch: Batch) -> Faults:
    """Write pictures to the job's file from an index on; return what can't be read."""
    start, faults = np.load(job.file, mmap_mode="r").offset, {}
    with job.file.open("r+b") as file:  # sooner than through a map of it
        for index, path in enumerate(batch[1], batch[0]):
            try:
                levels = load_image(path, job.how, job.size, resize=job.resize)
            except UnreadableError as error:
                faults[path] = str(error)
                continue
            file.seek(start + index * job.picture_bytes)
            file.write(np.ascontiguousarray(levels).data)
    return faults
