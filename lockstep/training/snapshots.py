"""Snapshots from which an interrupted training resumes, written atomically.

A snapshot is a folder named after the number of finished epochs. Its manifest, which is written
last, has the sha256 of every other file. The folder gets its name once all files are on disk.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from filelock import FileLock, Timeout

from lockstep.modeling.weights import hdf5_size
from lockstep.process import console
from lockstep.storage import atomic_files, disk, layout
from lockstep.storage.checkout import main_checkout
from lockstep.storage.copies import copy_file

SNAPSHOTS_TO_KEEP = 2
# Time for the same training, stopped just before, to exit and release the lock.
LOCK_TIMEOUT_SECONDS = 15
FINISHED = "finished"
MANIFEST, METADATA, ARRAYS = "manifest.json", "facts.json", "arrays.h5"
# In the metadata of a training's result: the attributes of custom callbacks that it doesn't have.
LEFT_OUT = "left out"


@dataclass(frozen=True)
class Snapshot:
    """The contents of a snapshot: JSON metadata, arrays by name, and files by name.

    `written` is when it was written, in seconds since 1970.
    """

    epoch: int
    metadata: dict[str, Any]
    arrays: dict[str, np.ndarray]
    files: dict[str, Path]
    written: float


@contextmanager
def directory(root: Path, key: str) -> Iterator[Path | None]:
    """Yield the locked folder for a training's snapshots, or None if another process has the lock.

    It is in the main checkout, so that a workspace created later finds it.
    """
    folder = _all(root) / key[:16]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        lock.acquire(timeout=LOCK_TIMEOUT_SECONDS)
    except Timeout:
        console.say("another process is running the same training: this one writes no snapshots")
        yield None
        return
    try:
        yield folder
    finally:
        lock.release()


def mark_finished(folder: Path | None, root: Path) -> None:
    """Mark a training as finished; its snapshots are needed until DVC has stored the results."""
    if folder:
        atomic_files.write_text(folder / FINISHED, str(root.resolve()))


def remove_finished(root: Path) -> None:
    """Remove the snapshots of trainings that finished in this workspace; DVC has the results."""
    for mark in _all(root).glob(f"*/{FINISHED}"):
        if mark.read_text(encoding="utf-8") == str(root.resolve()):
            shutil.rmtree(mark.parent)


def _all(root: Path) -> Path:
    return main_checkout(root) / layout.SNAPSHOTS


def write(
    folder: Path,
    key: str,
    epoch: int,
    metadata: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    files: Mapping[str, Path],
) -> None:
    """Write a snapshot to a folder, and remove old ones; `key` identifies the training."""
    write_to(folder / f"{epoch:06d}", key, epoch, metadata, arrays, files)
    for old in _folders(folder)[:-SNAPSHOTS_TO_KEEP]:
        shutil.rmtree(old)


def write_to(
    path: Path,
    key: str,
    epoch: int,
    metadata: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    files: Mapping[str, Path],
) -> None:
    """Write a snapshot as the folder `path`; the same state gives the same bytes."""
    with atomic_files.whole_folder(path) as snapshot:
        _write_arrays(snapshot / ARRAYS, arrays)
        (snapshot / METADATA).write_text(json.dumps(metadata), encoding="utf-8")
        for name, file in files.items():
            copy_file(file, snapshot / name)
        hashes = {file.name: atomic_files.sha256(file) for file in sorted(snapshot.iterdir())}
        manifest = {"key": key, "epoch": epoch, "sha256": hashes}
        (snapshot / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays as HDF5: the bytes of an .npz depend on the version of Python.

    HDF5 ends the process with a segmentation fault if the disk gets full while a file is open.
    """
    disk.require_space(path, hdf5_size([each.nbytes for each in arrays.values()]))
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array)


def take_over(folder: Path, key: str, epoch: int, files: Mapping[str, Path]) -> None:
    """Make the files of another training's snapshot, by name, a snapshot of the training `key`.

    The hashes stay, so that `newest` finds files that were damaged since.
    """
    manifest = {**atomic_files.read_json(files[MANIFEST]), "key": key}
    with atomic_files.whole_folder(folder / f"{epoch:06d}") as snapshot:
        for name, file in files.items():
            if name != MANIFEST:
                copy_file(file, snapshot / name)
        (snapshot / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def newest(folder: Path, key: str) -> Snapshot | None:
    """Return the newest valid snapshot of `key`; move invalid ones to `set-aside`."""
    for snapshot in reversed(_folders(folder)):
        problem = _problem(snapshot, key)
        if not problem:
            return _read(snapshot)
        aside = folder / "set-aside" / snapshot.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        snapshot.rename(aside)
        console.say(f"snapshot of epoch {int(snapshot.name)}: {problem}; moved to {aside}")
    return None


def _folders(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(each for each in found if each.name.isdigit() and each.is_dir())


def _problem(snapshot: Path, key: str) -> str:
    """Return why a snapshot can't be used, or an empty text."""
    try:
        manifest = atomic_files.read_json(snapshot / MANIFEST)
        if manifest["key"] != key:
            return "made with other parameters, data, code or environment"
        for name, sha256 in manifest["sha256"].items():
            if atomic_files.sha256(snapshot / name) != sha256:
                return f"the sha256 of {name} differs from the manifest"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"incomplete or unreadable ({type(error).__name__}: {error})"
    return ""


def _read(snapshot: Path) -> Snapshot:
    metadata = atomic_files.read_json(snapshot / METADATA)
    names = atomic_files.read_json(snapshot / MANIFEST)["sha256"]
    with h5py.File(snapshot / ARRAYS) as file:
        found = {name: np.asarray(each) for name, each in file.items()}
    others = {name: snapshot / name for name in names if name not in (METADATA, ARRAYS)}
    written = (snapshot / MANIFEST).stat().st_mtime
    return Snapshot(int(snapshot.name), metadata, found, others, written)
