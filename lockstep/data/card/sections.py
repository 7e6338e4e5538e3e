"""A data card as titled sections of lines, a table and a picture, for Markdown and terminals."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from lockstep.data.card.naming import percent, shortened, shown, sparkline
from lockstep.data.card.targets import DENSE
from lockstep.data.card.texts import LONGEST

MOST = 100  # rows of a table that are shown


@dataclass(frozen=True)
class Section:
    """A part of a card."""

    title: str
    lines: list[str] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    picture: str = ""  # the name of its file


def sections(card: dict[str, Any], pictures: Iterable[str] = ()) -> list[Section]:
    """Return the sections that have any content; `pictures` are those drawn, by title."""
    found = [
        _examples(card),
        Section("Notes", card["notes"]),
        _columns(card["columns"]),
        *(_input(each) for each in card["inputs"] if "histogram" in each),
        _targets(card),
        *(Section(f"Picture: {name}", picture=f"{name}.png") for name in pictures),
    ]
    return [each for each in found if each.lines or each.rows or each.picture]


def _examples(card: dict[str, Any]) -> Section:
    total, counts = sum(card["examples"].values()), card["examples"].items()
    repeated = f"{card['test_examples_in_train']:,} test examples are in the training split too"
    rows = [[split, f"{count:,}", percent(count / total)] for split, count in counts]
    return Section(f"Data: {card['data']}", [repeated], ["split", "examples", "share"], rows)


def _columns(columns: list[dict[str, Any]]) -> Section:
    header = ["#", "column", "kind", "why", "missing", "range", "most frequent", "histogram"]
    rows = [
        [
            str(number),
            shown(each["name"]),
            each["kind"],
            each["why"],
            percent(each["missing"]) if "missing" in each else "",
            _range(each),
            ", ".join(f"{shown(value)} ({percent(part)})" for value, part in _frequent(each)),
            sparkline(each["histogram"]) if "histogram" in each else "",
        ]
        for number, each in enumerate(columns, 1)
    ]
    return Section("Columns of the training split", [], header, rows)


def _frequent(column: dict[str, Any]) -> list[Any]:
    return list(column.get("frequent", ()))


def _range(column: dict[str, Any]) -> str:
    if "values" in column:
        return f"{column['values']:,} values"
    if "minimum" not in column:
        return ""
    return f"{shown(column['minimum'])} to {shown(column['maximum'])}"


def _input(found: dict[str, Any]) -> Section:
    shape = " x ".join(map(str, found["shape"]))
    title = f"Input {shown(found['name'])}: {found['kind']}, {shape}, {found['dtype']}"
    line = f"{_range(found)}, mean {shown(found['mean'])}: {sparkline(found['histogram'])}"
    if found["kind"] != "text":
        return Section(title, [f"levels: {line}"])
    unknown = ", ".join(f"{split} {percent(part)}" for split, part in found["unknown"].items())
    lines = [
        f"tokens of a text: {line}",
        f"vocabulary: {found['vocabulary']:,} tokens; unknown tokens: {unknown}",
        f"texts without a token: {percent(found['empty'])}",
    ]
    return Section(
        title,
        lines,
        ["texts as the model gets them"],
        [[shortened(each, LONGEST)] for each in found["samples"]],
    )


def _targets(card: dict[str, Any]) -> Section:
    lines = [f"{shown(each['name'])}: {each['kind']}, {each['why']}" for each in card["targets"]]
    if any(each["dense"] for each in card["targets"]):
        lines.append(f"values of pixels or steps are counted in {DENSE} examples of a split")
    values = card["target_values"]
    splits = list(card["examples"])
    rows = [
        [shown(each["target"]), shown(each["value"]), *(f"{each[split]:,}" for split in splits)]
        for each in values[:MOST]
    ]
    if len(values) > MOST:
        lines.append(f"the first {MOST} of {len(values):,} values; all are in data.json")
    return Section("Targets", lines, ["target", "value", *splits], rows)
