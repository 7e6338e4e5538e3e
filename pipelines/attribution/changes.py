"""The differences between two experiments as changes that can be made one at a time."""

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lockstep.errors import ParamsError
from lockstep.storage import layout
from lockstep.versioning.code_differences import RAN_WITH_OTHERS
from lockstep.versioning.data_differences import DataDifference, data_path
from lockstep.versioning.explanation import Explanation
from lockstep.versioning.parameter_differences import NOTHING
from lockstep.versioning.stage_order import is_in

TOGETHER = ("data", "model")  # sections of which other values depend on the name
OPTION = "--attribute"


@dataclass(frozen=True)
class Change:
    """Parameters that get the values of B, and files that are taken from there."""

    name: str
    params: Mapping[str, Any]  # by dotted key; NOTHING removes it
    paths: tuple[str, ...] = ()

    def joined(self, other: "Change") -> "Change":
        """Return both as one change."""
        params = {**self.params, **other.params}
        return Change(f"{self.name} with {other.name}", params, (*self.paths, *other.paths))


@dataclass(frozen=True)
class Changes:
    """The changes that lead from A to B, and the differences that none is needed for."""

    made: list[Change]
    without_effect: list[str]  # no stage before the test metrics reads them
    not_made: list[str]  # of other versions only the installed ones are used


def changes_of(found: Explanation) -> Changes:
    """Return a change for each difference; raises ParamsError if one can't be made here."""
    _refuse(found)
    stages = [side.graph[name] for side in (found.a, found.b) for name in side.stages_tested]
    reads = {key for stage in stages for key in stage.reads}
    deps = {path for stage in stages for path in stage.deps} | {str(layout.GRAPH)}
    params = {each.key: each.b for each in found.params}
    read = {key: value for key, value in params.items() if _is_read(key, reads)}
    code = [each.path for each in found.code if each.files]
    made = [*_of_params(read), *(Change(each, {}, (each,)) for each in code if each in deps)]
    unread = [
        *(key for key in params if key not in read),
        *(each for each in code if each not in deps),
    ]
    made += _of_data(found, made)
    if not made:
        raise ParamsError(
            f"{OPTION}: the two differ in nothing that stages before the test metrics read, "
            "expected a difference"
        )
    others = [f"{v.library} {v.a or 'none'} -> {v.b or 'none'}" for v in found.versions]
    return Changes(made, unread, others)


def applied(raw: Mapping[str, Any], changes: Iterable[Change]) -> dict[str, Any]:
    """Return a copy of the contents of params.yaml with the changes' values."""
    values: dict[str, Any] = copy.deepcopy(dict(raw))
    for key, value in [item for change in changes for item in change.params.items()]:
        *sections, last = key.split(".")
        parent = values
        for section in sections:
            parent = parent.setdefault(section, {})
        if value is NOTHING:
            parent.pop(last, None)
        else:
            parent[last] = value
    return values


def _refuse(found: Explanation) -> None:
    for each in found.versions:
        if each.decides:
            raise ParamsError(
                f"{OPTION}: {each.library} {each.a or 'none'} and {each.b or 'none'}: not "
                "attributable, since one environment has one version; expected equal versions"
            )
    for code in found.code:
        if code.note == RAN_WITH_OTHERS:
            raise ParamsError(f"{OPTION}: {code.path}: not attributable: {code.note}")


def _is_read(key: str, reads: Iterable[str]) -> bool:
    return any(f"{key}.".startswith(f"{each}.") or each.startswith(f"{key}.") for each in reads)


def _of_params(params: Mapping[str, Any]) -> Iterator[Change]:
    """Yield a change for each parameter; one for a section whose name differs."""
    joined = [each for each in TOGETHER if f"{each}.name" in params]
    for section in joined:
        inside = {key: value for key, value in params.items() if key.startswith(f"{section}.")}
        yield Change(" ".join(inside), inside)
    for key, value in params.items():
        if key.partition(".")[0] not in joined:
            yield Change(key, {key: value})


def _of_data(found: Explanation, others: Iterable[Change]) -> Iterator[Change]:
    """Yield a change for data that git or a .dvc file records; raises ParamsError for others."""
    paths = [data_path(side) for side in (found.a, found.b)]
    consequence = any(key.startswith("data.") for each in others for key in each.params) or any(
        each.recorded_by for each in found.data
    )
    for each in found.data:
        in_git = [file for file in found.changed if is_in(file, [each.path])]
        if each.recorded_by and (is_in(each.path, paths) or is_in(paths[0], [each.path])):
            yield Change(each.path, {}, (each.recorded_by,))
        elif in_git:
            yield Change(each.path, {}, (each.path,))
        elif not each.recorded_by and not (each.path == str(layout.RAW) and consequence):
            raise ParamsError(_not_recorded(each))


def _not_recorded(each: DataDifference) -> str:
    return (
        f"{OPTION}: {each.path}: not attributable: md5 {each.a} and {each.b}, and neither git nor "
        f"a .dvc file has both; `dvc add {each.path}` records data"
    )
