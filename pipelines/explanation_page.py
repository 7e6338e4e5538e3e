"""The text of `lockstep explain`: what differs between two experiments, A and B."""

from collections.abc import Iterator
from typing import Any

from lockstep.config.overrides import as_value
from lockstep.messages import aligned
from lockstep.storage import layout
from lockstep.versioning.code_differences import CodeDifference
from lockstep.versioning.explanation import Explanation
from lockstep.versioning.parameter_differences import NOTHING
from lockstep.versioning.side import LIBRARIES, Side
from lockstep.versioning.stage_differences import StageDifference

SHORT, MANY = 7, 5  # characters of a commit, files that a line lists
LETTERS = {"A": "only in B", "D": "only in A"}
Row = tuple[str, ...]


def page(found: Explanation) -> str:
    """Return the explanation as lines."""
    parts = [
        aligned(
            [("A", _named(found.a, found.problems[0])), ("B", _named(found.b, found.problems[1]))]
        ),
        _part("inputs that differ", [*_inputs(found)]),
        _part("stages, in the order of the graph", [*map(_stage, found.stages)]),
        "\n".join(_verdicts(found)),
        _part("test metrics", [*_metrics(found)]),
    ]
    return "\n\n".join(filter(None, parts))


def _named(side: Side, problem: str) -> str:
    named = not side.commit or side.commit.startswith(side.name)
    name = side.name if named else f"{side.name} {side.commit[:SHORT]}"
    return f"{name}: no test metrics of its inputs: {problem}" if problem else name


def _part(title: str, rows: list[Row]) -> str:
    if not rows:
        return f"{title}: none"
    lines = aligned(rows).splitlines()
    return "\n".join([title, *(f"  {line}" for line in lines)])


def _inputs(found: Explanation) -> Iterator[Row]:
    for param in found.params:
        yield "parameter", param.key, f"{_value(param.a)} -> {_value(param.b)}"
    for data in found.data:
        by = f", recorded in {data.recorded_by}" if data.recorded_by else ""
        yield "data", data.path, f"md5 {data.a or 'none'} -> {data.b or 'none'}{by}"
    for code in found.code:
        yield "code", code.path, "; ".join(filter(None, (_files(code), code.note)))
    for version in found.versions:
        file = LIBRARIES if version.decides else layout.REQUIREMENTS
        change = f"{version.a or 'none'} -> {version.b or 'none'} in {file}"
        yield "version", version.library, change
    if found.other_files:
        yield "other code", _some(found.other_files), "no stage depends on it"


def _value(value: Any) -> str:
    return str(value) if value is NOTHING else as_value(value)


def _files(code: CodeDifference) -> str:
    names = [
        f"{file.removeprefix(f'{code.path}/')} {LETTERS.get(letter, '')}".strip()
        for file, letter in code.files.items()
    ]
    if names == [code.path]:
        return "other content"
    return _some(names)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return f"{', '.join(names[:MANY])}{more}"


def _stage(each: StageDifference) -> Row:
    if each.never_ran:
        return each.stage, f"never ran in {' and '.join(each.never_ran)}", ""
    inputs = "other inputs" if each.inputs else "same inputs"
    outputs = "other outputs" if each.outputs else "same outputs"
    return each.stage, f"{inputs}, {outputs}", _some(each.outputs)


def _verdicts(found: Explanation) -> Iterator[str]:
    """Lines on the first stage with other outputs, and on what is odd."""
    for each in found.not_reproducible:
        yield (
            f"NOT REPRODUCIBLE: {each.stage} has other {_some(each.outputs)} for the same "
            "parameters, code and data: another kind of machine, or an input that isn't among its "
            f"{layout.GRAPH} deps"
        )
    if found.first:
        yield f"the outputs differ first in {found.first}"
    elif any(each.inputs for each in found.stages):
        yield "no output differs, although inputs do"


def _metrics(found: Explanation) -> Iterator[Row]:
    for name in dict.fromkeys([*found.a.metrics, *found.b.metrics]):
        a, b = found.a.metrics.get(name), found.b.metrics.get(name)
        change = "" if a is None or b is None else f"({signed(b - a)})"
        yield name, f"{_number(a)} -> {_number(b)}", change


def signed(value: float) -> str:
    """Return a difference with its sign."""
    return f"{value:+.6g}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.6g}"
