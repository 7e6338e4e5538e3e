"""The hashes of a version's files, by which a change since its registration is found.

A SavedModel is a program, and MLflow compares nothing when it downloads one. files.json beside the
model has the sha256 of each of its files, and the version's tag that of files.json.
"""

from collections.abc import Mapping
from pathlib import Path

from lockstep.errors import DataError
from lockstep.process import console
from lockstep.storage import atomic_files

FILE = "files.json"
TAG = "files"


def describe(packed: Path) -> dict[str, str]:
    """Write files.json for all files of a packed model; return the version's tag."""
    atomic_files.write_json(packed / FILE, _hashes(packed))
    return {TAG: atomic_files.sha256(packed / FILE)}


def check(folder: Path, tags: Mapping[str, str], uri: str) -> None:
    """Raise DataError if a downloaded version has other files than those that were registered."""
    if TAG not in tags:
        console.say(f"{uri}: registered without hashes of its files, so they aren't checked")
        return
    changed = _changed(folder, tags[TAG])
    if changed:
        raise DataError(
            f"{uri}: {changed} isn't the file that was registered; bring the version's files back, "
            "or delete the version, and `lockstep run` registers the model again"
        )


def _changed(folder: Path, sha256: str) -> str:
    """The first file that differs, is missing, or is new among what is loaded; empty if none."""
    if not (folder / FILE).is_file() or atomic_files.sha256(folder / FILE) != sha256:
        return FILE
    expected, found = atomic_files.read_json(folder / FILE), _hashes(folder)
    new = {name for name in found if name.startswith("artifacts/")} - {*expected}
    changed = {name for name, each in expected.items() if found.get(name) != each}
    return min(changed | new, default="")


def _hashes(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): atomic_files.sha256(file) for file in files}
