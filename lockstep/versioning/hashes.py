"""What determines an experiment, and what it made, by DVC's hashes."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.stage import Stage

from lockstep.errors import DataError
from lockstep.storage.content import content_sha256, is_of_installed_engine
from lockstep.versioning.repository import opened, stages_in_order


def experiment_key(root: Path) -> str:
    """Return the sha256, in hex, over all that determines the experiment of a workspace.

    That is each stage's command, parameters, and the md5 of the files that no stage makes. It is
    known before anything has run, and the same in every clone. Raises DataError if one is missing.
    """
    with opened(root) as repo:
        made = [Path(out.fs_path) for out in repo.index.outs]
        stages = sorted(stages_in_order(repo), key=lambda stage: stage.name)
        entries = [_entry(stage, made) for stage in stages]
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def recorded_outputs(root: Path) -> dict[str, str]:
    """Return the md5 that dvc.lock records for each stage's outputs, by their path."""
    with opened(root) as repo:
        return {out.def_path: out.hash_info.value for out in repo.index.outs if out.hash_info}


def _entry(stage: Stage, made: list[Path]) -> list[Any]:
    values = [dep.read_params() for dep in stage.deps if isinstance(dep, ParamsDependency)]
    files = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    given = [dep for dep in files if not any(Path(dep.fs_path).is_relative_to(out) for out in made)]
    root = Path(stage.repo.root_dir)
    hashes = dict(sorted((_name(Path(dep.fs_path), root), _hash(dep, root)) for dep in given))
    return [stage.name, stage.cmd, values, hashes]


def _name(path: Path, root: Path) -> str:
    """A path within the repository; data from elsewhere are the same wherever they lie."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _hash(dep: Any, root: Path) -> str:
    path = Path(dep.fs_path)
    if is_of_installed_engine(root, dep.def_path):
        return content_sha256(root, dep.def_path)
    if path.is_dir():
        return str(dep.get_hash().value)  # which DVC remembers for as long as no file changes
    if not path.exists():
        raise DataError(f"{path}: no such file or folder, expected it")
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
