"""Decode many pictures into one .npy file, by as many processes as pay."""

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lockstep.data.readers.images import load_image
from lockstep.data.readers.pixels import PictureFormat
from lockstep.data.readers.unreadable import UnreadableError
from lockstep.errors import MachineError

BATCH = 32  # pictures; small, so that progress is shown and processes end together
TRIAL_SECONDS = 1.0  # of decoding in this process, to estimate the rest
START_SECONDS = 4.0  # what the start of processes may take, with their imports
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
    job: Job, paths: list[Path], processes: int | None, done: OnDone
) -> tuple[np.ndarray, Faults]:
    """Return the pictures as a memory map, and what is wrong with those that can't be read.

    Each picture's bits depend on its file alone, so they are the same for any number of processes,
    None for as many as pay.
    """
    shape = (len(paths), *job.shape)
    np.lib.format.open_memmap(job.file, "w+", job.how.depth, shape).flush()
    batches = [(at, paths[at : at + BATCH]) for at in range(0, len(paths), BATCH)]
    faults = _decode_batches(job, batches, processes, done)
    return np.load(job.file, mmap_mode="r"), faults


def _decode_batches(job: Job, batches: list[Batch], processes: int | None, done: OnDone) -> Faults:
    faults: Faults = {}
    start, cores = time.monotonic(), processes or len(os.sched_getaffinity(0))
    for number, (at, batch) in enumerate(batches):
        spent = time.monotonic() - start
        if cores > 1 and (processes or _pays(spent, number, len(batches), cores)):
            return faults | _in_processes(job, batches[number:], cores, done)
        faults |= decode_batch(job, at, batch)
        done(len(batch))
    return faults


def decode_batch(job: Job, start: int, paths: Sequence[Path]) -> Faults:
    """Write pictures to the job's file from an index on; return what can't be read."""
    out, faults = np.load(job.file, mmap_mode="r+"), {}
    for index, path in enumerate(paths, start):
        try:
            out[index] = load_image(path, job.how, job.size, resize=job.resize)
        except UnreadableError as error:
            faults[path] = str(error)
    return faults


def _pays(spent: float, done: int, total: int, cores: int) -> bool:
    """Return whether processes would decode the rest sooner, by the time spent so far."""
    if spent < TRIAL_SECONDS:
        return False
    left = spent / done * (total - done)
    return left - left / cores > START_SECONDS


def _in_processes(job: Job, batches: list[Batch], cores: int, done: OnDone) -> Faults:
    # Spawned: a fork of a process in which TensorFlow has threads may hang.
    pool = ProcessPoolExecutor(min(cores, len(batches)), get_context("spawn"), _end_with_parent)
    faults: Faults = {}
    try:
        running = {pool.submit(decode_batch, job, *each): len(each[1]) for each in batches}
        for each in as_completed(running):
            faults |= each.result()
            done(running[each])
    except BrokenProcessPool:
        raise MachineError(
            "a process that decodes pictures was killed, perhaps for lack of memory; run again, or "
            "with fewer CPUs (taskset)"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)
    return {path: faults[path] for _, batch in batches for path in batch if path in faults}


def _end_with_parent() -> None:
    """End this process with its parent, which may be killed and then couldn't end it."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
