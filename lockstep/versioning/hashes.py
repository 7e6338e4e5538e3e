"""The hash of all inputs of an experiment."""

import hashlib
import json
from pathlib import Path
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.stage import Stage

from lockstep.errors import DataError
from lockstep.storage.atomic_files import md5
from lockstep.storage.content import content_sha256, is_of_installed_engine
from lockstep.versioning.repository import read_repository, stages_in_order


def experiment_key(root: Path) -> str:
    """Return the sha256, in hex, over all inputs of a workspace's experiment.

    The inputs are each stage's command, its parameters, and the hashes of the dependencies that no
    stage makes. No stage has to be run for it, and it is the same in every clone. Raises DataError
    if a dependency is missing.
    """
    with read_repository(root) as repo:
        stages = sorted(stages_in_order(repo), key=lambda stage: stage.name)
        outputs = [Path(out.fs_path) for stage in stages for out in stage.outs]
        entries = [_entry(stage, outputs) for stage in stages]
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()


def _entry(stage: Stage, outputs: list[Path]) -> list[Any]:
    values = [dep.read_params() for dep in stage.deps if isinstance(dep, ParamsDependency)]
    files = [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)]
    sources = [
        dep for dep in files if not any(Path(dep.fs_path).is_relative_to(out) for out in outputs)
    ]
    root = Path(stage.repo.root_dir)
    hashes = dict(sorted((_name(Path(dep.fs_path), root), _hash(dep, root)) for dep in sources))
    return [stage.name, stage.cmd, values, hashes]


def _name(path: Path, root: Path) -> str:
    """A path within the repository, or only the file name of data outside of it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else path.name


def _hash(dep: Any, root: Path) -> str:
    path = Path(dep.fs_path)
    if is_of_installed_engine(root, dep.def_path):
        return content_sha256(root, dep.def_path)
    if path.is_dir():
        return str(dep.get_hash().value)  # DVC caches it until a file changes
    if not path.exists():
        raise DataError(f"{path}: no such file or folder, but a stage depends on it")
    return md5(path)
