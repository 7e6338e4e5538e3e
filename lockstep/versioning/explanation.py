"""What differs between two experiments: inputs, the stages' outputs, and test metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockstep.storage.history import files_that_differ
from lockstep.versioning.code_differences import (
    CodeDifference,
    code_differences,
    others_of_engine,
)
from lockstep.versioning.code_hashes import code_problem
from lockstep.versioning.data_differences import DataDifference, data_differences
from lockstep.versioning.parameter_differences import ParameterDifference, parameter_differences
from lockstep.versioning.side import Side, read_side
from lockstep.versioning.stage_differences import StageDifference, stage_differences
from lockstep.versioning.version_differences import VersionDifference, version_differences


@dataclass(frozen=True)
class Explanation:
    """What differs between two experiments, revisions, or the workspace and one of them."""

    a: Side
    b: Side
    problems: tuple[str, str]  # why the test metrics of A or B aren't those of its inputs
    changed: Mapping[str, str]  # all files that git has in different versions, with its letter
    params: list[ParameterDifference]
    data: list[DataDifference]
    code: list[CodeDifference]
    other_files: list[str]  # of the engine, on which no stage depends
    versions: list[VersionDifference]
    stages: list[StageDifference]  # all

    @property
    def first(self) -> str:
        """The first stage with other outputs; empty if there is none."""
        return next((each.stage for each in self.stages if each.outputs), "")

    @property
    def not_reproducible(self) -> list[StageDifference]:
        """The stages that gave other outputs for the same inputs."""
        return [each for each in self.stages if not each.is_reproducible]


def explain(root: Path, a: str, b: str) -> Explanation:
    """Compare two experiments, revisions, or the workspace; raises as `compared` does."""
    before, after = read_side(root, a), read_side(root, b)
    changed = files_that_differ(root, before.tree, after.tree)
    return Explanation(
        before,
        after,
        (_problem(root, before), _problem(root, after)),
        changed,
        parameter_differences(before.raw, after.raw),
        data_differences(root, before, after, list(changed)),
        code_differences(before, after, changed),
        others_of_engine(before, after, changed),
        version_differences(before, after),
        stage_differences(before, after),
    )


def _problem(root: Path, side: Side) -> str:
    return side.problem or code_problem(root, side)
