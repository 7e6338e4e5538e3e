"""In which files that stages depend on two experiments differ, by git and by dvc.lock."""

from collections.abc import Mapping
from typing import NamedTuple

from lockstep.storage import layout
from lockstep.versioning.data_differences import data_path
from lockstep.versioning.recorded import md5s
from lockstep.versioning.side import LIBRARIES, Side
from lockstep.versioning.stage_order import is_in

ENGINE = ("lockstep/", "tasks/")  # beginnings of paths that stages import

RAN_WITH_OTHERS = f"git has the same files, but {layout.LOCK} another md5: a stage ran with others"
RAN_WITH_SAME = f"{layout.LOCK} has the same md5 for both: the stages ran with the same files"


class CodeDifference(NamedTuple):
    """A file or folder that stages depend on, and what differs in it."""

    path: str
    files: Mapping[str, str]  # each with git's letter: A only in B, D only in A, M and T in both
    note: str = ""


def code_differences(a: Side, b: Side, changed: Mapping[str, str]) -> list[CodeDifference]:
    """Return the files and folders that stages depend on and that differ, and dvc.yaml.

    `changed` are the files that git has in different versions. A file that only one side depends
    on, since the parameters choose it, is named if both sides have it in different versions.
    """
    found = []
    for path in dict.fromkeys([*code_of(b), *code_of(a), str(layout.GRAPH)]):
        files = {file: letter for file, letter in changed.items() if is_in(file, [path])}
        note = _note(path, a, b, bool(files)) if path != str(layout.GRAPH) else ""
        if files or note:
            found.append(CodeDifference(path, files, note))
    return [each for each in found if each.note or not _is_in_another(each, found)]


def _is_in_another(code: CodeDifference, others: list[CodeDifference]) -> bool:
    """Whether a folder above it is among the others: stages may depend on both."""
    return any(code.path != each.path and is_in(code.path, [each.path]) for each in others)


def others_of_engine(a: Side, b: Side, changed: Mapping[str, str]) -> list[str]:
    """Return the files of the engine and the stages that differ, and that no stage depends on."""
    known = [*code_of(a), *code_of(b)]
    return [each for each in changed if each.startswith(ENGINE) and not is_in(each, known)]


def code_of(side: Side) -> list[str]:
    """Return the files and folders that stages depend on, without data and results."""
    made = [path for stage in side.graph.values() for path in stage.outs]
    others = (data_path(side), str(LIBRARIES))
    deps = dict.fromkeys(path for stage in side.graph.values() for path in stage.deps)
    return [path for path in deps if path not in others and not is_in(path, made)]


def _note(path: str, a: Side, b: Side, differs: bool) -> str:
    """What isn't seen by the files that differ; empty if there is nothing."""
    readers = [side.name for side in (a, b) if path in code_of(side)]
    if len(readers) == 1:
        chosen = any(path in stage.chosen for side in (a, b) for stage in side.graph.values())
        return f"only {readers[0]} depends on it" if differs or not chosen else ""
    before, after = (md5s(side.stages, "deps").get(path) for side in (a, b))
    if not (before and after):
        missing = " and ".join(n for n, md5 in ((a.name, before), (b.name, after)) if not md5)
        return f"no stage of {missing} has run with it" if differs else ""
    if differs and before == after:
        return RAN_WITH_SAME
    if not differs and before != after:
        return RAN_WITH_OTHERS
    return ""
