"""Whether the stages have run with the files that an experiment has in git."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from pathspec import GitIgnoreSpec

from lockstep.storage.git_objects import read_objects
from lockstep.storage.history import files_of
from lockstep.versioning.code_differences import code_of
from lockstep.versioning.recorded import md5_of_folder, md5s
from lockstep.versioning.side import IGNORED, LIBRARIES, Side


def code_problem(root: Path, side: Side) -> str:
    """Return which code the stages before the test metrics have run with, if it isn't its own.

    Empty if all is as dvc.lock has recorded it.
    """
    stages = {name: side.stages[name] for name in side.stages_tested if name in side.stages}
    recorded = md5s(stages, "deps")
    wanted = [path for path in (*code_of(side), str(LIBRARIES)) if path in recorded]
    found = _md5s_in_git(root, side, wanted)
    for path in wanted:
        if path in found and found[path] != recorded[path]:
            return f"its stages have run with another {path} than it has now"
    return ""


def _md5s_in_git(root: Path, side: Side, paths: list[str]) -> dict[str, str]:
    """Return DVC's md5 of files and folders, of those that are there."""
    ids = files_of(root, side.tree, paths)
    ignored = GitIgnoreSpec.from_lines(side.text(IGNORED).splitlines())
    kept = {file: each for file, each in ids.items() if not ignored.match_file(file)}
    hashes = {each: _md5(content) for each, content in read_objects(root, kept.values())}
    of_files = {file: hashes[each] for file, each in kept.items()}
    return {path: each for path in paths if (each := _of_path(path, of_files))}


def _of_path(path: str, files: Mapping[str, str]) -> str:
    if path in files:
        return files[path]
    below = f"{path}/"
    inside = {file.removeprefix(below): files[file] for file in files if file.startswith(below)}
    return md5_of_folder(inside) if inside else ""


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
