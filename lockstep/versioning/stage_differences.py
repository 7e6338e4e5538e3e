"""Which stages of two experiments have other inputs, and which other outputs, by dvc.lock."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from lockstep.versioning.side import Side
from lockstep.versioning.stage_order import ordered


class StageDifference(NamedTuple):
    """A stage, and in what its two runs differ."""

    stage: str
    never_ran: list[str]  # the names of the sides in which it hasn't run
    inputs: list[str]  # paths, keys of parameters, and `cmd`
    outputs: list[str]  # paths

    @property
    def is_reproducible(self) -> bool:
        """Whether the same inputs have given the same outputs, as far as that can be said."""
        return bool(self.never_ran or self.inputs or not self.outputs)


def stage_differences(a: Side, b: Side) -> list[StageDifference]:
    """Return all stages of both, each after those whose outputs it reads."""
    graph = {**a.graph, **b.graph}
    names = ordered(
        {name: stage.deps for name, stage in graph.items()},
        {name: stage.outs for name, stage in graph.items()},
    )
    return [_difference(name, a, b) for name in names]


def _difference(name: str, a: Side, b: Side) -> StageDifference:
    never_ran = [side.name for side in (a, b) if name not in side.stages]
    if never_ran:
        return StageDifference(name, never_ran, [], [])
    before, after = a.stages[name], b.stages[name]
    return StageDifference(
        name,
        [],
        _keys_that_differ(_inputs(before), _inputs(after)),
        _keys_that_differ(_md5s(before, "outs"), _md5s(after, "outs")),
    )


def _inputs(stage: Mapping[str, Any]) -> dict[str, Any]:
    params = {key: each for file in stage.get("params", {}).values() for key, each in file.items()}
    return {"cmd": stage.get("cmd"), **_md5s(stage, "deps"), **params}


def _md5s(stage: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {each["path"]: each.get("md5", "") for each in stage.get(kind, ())}


def _keys_that_differ(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    return [
        key for key in dict.fromkeys([*a, *b]) if key not in a or key not in b or a[key] != b[key]
    ]
