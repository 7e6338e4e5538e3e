"""Find DVC's hashes in the dvc.lock of the workspace and of DVC experiments."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lockstep.errors import DataError
from lockstep.storage import layout
from lockstep.storage.history import read_at
from lockstep.versioning.compared import WORKSPACE, experiments
from lockstep.versioning.recorded import Stages, md5s, recorded_stages, stages_in


class Found(NamedTuple):
    """An experiment, or the workspace, whose dvc.lock has a hash."""

    name: str
    commit: str  # empty for the workspace
    path: str


def having(root: Path, wanted: list[str]) -> Iterator[Found]:
    """Yield the DVC experiments, and the workspace, with one of these hashes in their dvc.lock."""
    if path := _path_with(recorded_stages(root), wanted):
        yield Found(WORKSPACE, "", path)
    for name, commit in experiments(root).items():
        try:
            stages = stages_in(read_at(root, commit, layout.LOCK))
        except DataError:  # with conflict marks of a merge
            continue
        if path := _path_with(stages, wanted):
            yield Found(name, commit, path)


def _path_with(stages: Stages, wanted: list[str]) -> str:
    found = {**md5s(stages, "deps"), **md5s(stages, "outs")}
    return next((path for path, md5 in found.items() if md5 in wanted), "")
