"""The inputs of an experiment, with one hash of them all."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from dvc.dependency import ParamsDependency
from dvc.stage import Stage

from lockstep.errors import DataError
from lockstep.storage import layout
from lockstep.storage.atomic_files import md5
from lockstep.storage.content import content_sha256, is_of_installed_engine
from lockstep.versioning.repository import read_repository, stages_in_order

ABSENT = ""


class ExperimentInputs(NamedTuple):
    """What an experiment is made from: each stage's command, parameters, and files of no stage."""

    stages: list[list[Any]]  # name, command, parameters, hashes of files by their names

    @property
    def params(self) -> dict[str, Any]:
        """The values of all stages' parameters, by their keys."""
        return {
            key: value for _, _, values, _ in self.stages for each in values
            for key, value in each.items()
        }  # fmt: skip

    @property
    def files(self) -> dict[str, str]:
        """The hash of each file or folder, ABSENT if it isn't there."""
        return {name: value for *_, hashes in self.stages for name, value in hashes.items()}

    def values(self, varied: Collection[str] = ()) -> dict[str, str]:
        """The hash of each file, and the JSON of each parameter but for the `varied` ones."""
        return self.files | {
            f"{layout.PARAMS}: {key}": json.dumps(value)
            for key, value in self.params.items()
            if key not in varied
        }

    @property
    def key(self) -> str:
        """The sha256, in hex, over all; raises DataError if a file isn't there."""
        if absent := [name for name, value in self.files.items() if value == ABSENT]:
            raise DataError(f"{absent[0]}: no such file or folder, but a stage depends on it")
        return hashlib.sha256(json.dumps(self.stages, sort_keys=True).encode()).hexdigest()


def experiment_key(root: Path) -> str:
    """Return the sha256, in hex, over all inputs of a workspace's experiment.

    No stage has to be run for it, and it is the same in every clone. Raises DataError if a
    dependency is missing.
    """
    return experiment_inputs(root).key


def experiment_inputs(root: Path) -> ExperimentInputs:
    """Return each stage's command, its parameters, and its dependencies that no stage makes."""
    with read_repository(root) as repo:
        stages = sorted(stages_in_order(repo), key=lambda stage: stage.name)
        outputs = [Path(out.fs_path) for stage in stages for out in stage.outs]
        return ExperimentInputs([_entry(stage, outputs) for stage in stages])


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
    return md5(path) if path.exists() else ABSENT
