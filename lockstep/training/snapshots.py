"""Bundles: what a training needs to go on after whatever happened, whole on disk or not there.

A bundle is a folder named for the epochs that are done. Its manifest has the sha256 of every other
file, and is written last; the folder gets its name when all of it is on the disk.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from lockstep.process import console
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout

KEPT = 2
# How long a training that was stopped a moment ago may take to end.
PATIENCE_SECONDS = 15
FINISHED = "finished"
MANIFEST, FACTS, ARRAYS = "manifest.json", "facts.json", "arrays.npz"


@dataclass(frozen=True)
class Bundle:
    """What a folder holds: facts that are JSON, arrays by name, and whole files by name."""

    epoch: int
    facts: dict[str, Any]
    arrays: dict[str, np.ndarray]
    files: dict[str, Path]


@contextmanager
def place(root: Path, key: str) -> Iterator[Path | None]:
    """Yield the folder for one training's bundles, or None while another process trains the same.

    It lies in the main checkout, where a workspace that is made anew finds it.
    """
    folder = _all(root) / key[:16]
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_suffix(".lock"))
    try:
        lock.acquire(timeout=PATIENCE_SECONDS)
    except Timeout:
        console.say("another process trains the same at this moment: this one keeps no bundles")
        yield None
        return
    try:
        yield folder
    finally:
        lock.release()


def finish(folder: Path | None, root: Path) -> None:
    """Mark a training's bundles as needed until DVC has the result."""
    if folder:
        atomic_files.write_text(folder / FINISHED, str(root.resolve()))


def forget_finished(root: Path) -> None:
    """Remove the bundles of trainings whose results DVC has taken from this workspace."""
    for mark in _all(root).glob(f"*/{FINISHED}"):
        if mark.read_text(encoding="utf-8") == str(root.resolve()):
            shutil.rmtree(mark.parent)


def _all(root: Path) -> Path:
    return main_checkout(root) / layout.BUNDLES


def write(
    folder: Path,
    key: str,
    epoch: int,
    facts: dict[str, Any],
    arrays: Mapping[str, np.ndarray],
    files: Mapping[str, Path],
) -> None:
    """Add a bundle to a folder, and let the oldest go; `key` says which training's it is."""
    with atomic_files.whole_folder(folder / f"{epoch:06d}") as place:
        np.savez(place / ARRAYS, allow_pickle=False, **arrays)
        (place / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        for name, path in files.items():
            shutil.copyfile(path, place / name)
        hashes = {file.name: atomic_files.sha256(file) for file in place.iterdir()}
        manifest = {"key": key, "epoch": epoch, "sha256": hashes}
        (place / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    for old in _folders(folder)[:-KEPT]:
        shutil.rmtree(old)


def newest(folder: Path, key: str) -> Bundle | None:
    """Return the bundle with the most epochs that is whole, and of `key`; others are set aside."""
    for place in reversed(_folders(folder)):
        problem = _problem(place, key)
        if not problem:
            return _read(place)
        aside = folder / "set-aside" / place.name
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        place.rename(aside)
        console.say(f"bundle of epoch {int(place.name)}: {problem}; set aside as {aside}")
    return None


def _folders(folder: Path) -> list[Path]:
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(each for each in found if each.name.isdigit())


def _problem(place: Path, key: str) -> str:
    """What is wrong with a bundle, or nothing."""
    try:
        manifest = atomic_files.read_json(place / MANIFEST)
        if manifest["key"] != key:
            return "of other parameters, data or code"
        for name, sha256 in manifest["sha256"].items():
            if atomic_files.sha256(place / name) != sha256:
                return f"{name} isn't as its manifest says"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return f"not whole ({type(error).__name__}: {error})"
    return ""


def _read(place: Path) -> Bundle:
    facts = atomic_files.read_json(place / FACTS)
    with np.load(place / ARRAYS, allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    others = {f.name: f for f in place.iterdir() if f.name not in (MANIFEST, FACTS, ARRAYS)}
    return Bundle(int(place.name), facts, found, others)
