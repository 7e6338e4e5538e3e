"""In which data two experiments differ, by the md5 that DVC has recorded."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lockstep.config.yaml_files import parse_yaml
from lockstep.storage import layout
from lockstep.storage.git_objects import find_files, read_objects
from lockstep.versioning.recorded import md5s
from lockstep.versioning.side import Side

RECORD = ".dvc"  # ends the name of a file in which `dvc add` records data


class DataDifference(NamedTuple):
    """Data that differ, with the md5 on both sides, empty where there is none."""

    path: str
    a: str
    b: str
    recorded_by: str  # the .dvc file; empty if there is none


def data_differences(root: Path, a: Side, b: Side, changed: list[str]) -> list[DataDifference]:
    """Return the data that differ: what .dvc files record, the user's own, and data/raw.

    `changed` are the files that git has in different versions.
    """
    found = {each.path: each for each in _recorded(root, a, b, changed)}
    for kind, path in _paths(a, b):
        before, after = (md5s(each.stages, kind).get(path, "") for each in (a, b))
        if before and after and before != after:
            found.setdefault(path, DataDifference(path, before, after, ""))
    return list(found.values())


def data_path(side: Side) -> str:
    """Return where the user's own data are."""
    return str((side.raw.get("data") or {}).get("path", ""))


def _paths(a: Side, b: Side) -> Iterator[tuple[str, str]]:
    """What is recorded in dvc.lock: as `deps` or `outs`, and the path."""
    if data_path(a) == data_path(b):
        yield "deps", data_path(a)
    yield "outs", str(layout.RAW)


def _recorded(root: Path, a: Side, b: Side, changed: list[str]) -> Iterator[DataDifference]:
    paths = [Path(each) for each in changed if each.endswith(RECORD)]
    if not paths:
        return
    sides = find_files(root, [a.tree, b.tree], paths)
    contents = dict(read_objects(root, (each for side in sides for each in side.values())))
    for path in paths:
        before, after = (_outputs(path, contents.get(side.get(path, ""), b"")) for side in sides)
        for name in dict.fromkeys([*before, *after]):
            if before.get(name) != after.get(name):
                yield DataDifference(name, before.get(name, ""), after.get(name, ""), str(path))


def _outputs(path: Path, content: bytes) -> dict[str, str]:
    """The md5 of what a .dvc file records, by its path in the project."""
    outs = (parse_yaml(content.decode(errors="replace"), path) or {}).get("outs", ())
    folder = PurePosixPath(path.parent.as_posix())
    return {str(folder / each["path"]): each.get("md5", "") for each in outs}
