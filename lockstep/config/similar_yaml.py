"""Parses many YAML texts that differ in a few values, such as params.yaml of all experiments.

Parsing one takes tens of milliseconds. A text with the lines of one that was parsed before, but for
values that stand alone behind their key, has that one's contents with these values.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import compress, count
from operator import ne
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from lockstep.config.yaml_files import parse_with_nodes, parse_yaml
from lockstep.errors import ParamsError

MOST = 20  # texts of one length that a new one is compared with
OTHER_BREAKS = ("\r", "\x85", "\u2028", "\u2029")  # that end a line in YAML
NOT_ALONE = tuple("|>&*!%@`")  # begin a value that may have more lines, or another name
TEXT = "tag:yaml.org,2002:str"
# What is read without a parser: numbers as decimals, and an md5 that can't be taken for a number.
NUMBER = re.compile(r"(?P<whole>0|-?[1-9][0-9]*)(?P<rest>\.[0-9]+)? *")
MD5 = re.compile(r"(?P<md5>(?=[0-9e]*[a-df])[0-9a-f]{32}(?:\.dir)?) *")


class _Place(NamedTuple):
    """Where a value begins in its line, and the keys and indices that lead to it."""

    column: int
    keys: tuple[Any, ...]


class _Parsed(NamedTuple):
    """A text that has been parsed, with the places of values by line."""

    lines: list[str]
    contents: Any
    places: dict[int, _Place]


_known: dict[tuple[Path, int], list[_Parsed]] = {}  # by file name and number of lines


def parse_similar(text: str, path: Path) -> Any:
    """Return what `parse_yaml` returns, or raise its ParamsError.

    The contents of different texts share parts, which must not be changed.
    """
    if any(each in text for each in OTHER_BREAKS):
        return parse_yaml(text, path)
    lines = text.split("\n")
    alike = _known.setdefault((path, len(lines)), [])
    for each in alike:
        try:
            return _with_lines(each, lines)
        except _TooDifferent:
            continue
    contents, root = parse_with_nodes(text, path)
    if len(alike) < MOST and root is not None and not _has_anchor(root):
        alike.append(_Parsed(lines, contents, _places(root, lines)))
    return contents


class _TooDifferent(Exception):
    """A text can't be read by means of another one."""


def _with_lines(parsed: _Parsed, lines: list[str]) -> Any:
    contents = parsed.contents
    for number in compress(count(), map(ne, lines, parsed.lines)):
        place = parsed.places.get(number)
        if place is None:
            raise _TooDifferent
        before, value = lines[number][: place.column], lines[number][place.column :]
        if before != parsed.lines[number][: place.column] or not _is_apart(before, value):
            raise _TooDifferent
        contents = _replaced(contents, place.keys, _value(_without_comment(value)))
    return contents


def _is_apart(before: str, value: str) -> bool:
    return before.endswith(" ") or value.startswith(" ") or not value


def _replaced(contents: Any, keys: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with another value; what doesn't lead to it is shared."""
    if not keys:
        return value
    copied = contents.copy()
    copied[keys[0]] = _replaced(contents[keys[0]], keys[1:], value)
    return copied


def _without_comment(text: str) -> str:
    value = text.partition(" #")[0]
    return text if '"' in value or "'" in value else value


@lru_cache(maxsize=100_000)
def _value(text: str) -> Any:
    """Return the value that a text is behind a key, in a line of its own."""
    if found := NUMBER.fullmatch(text):
        return float(found["whole"] + found["rest"]) if found["rest"] else int(found["whole"])
    if found := MD5.fullmatch(text):
        return found["md5"]
    if text.lstrip().startswith(NOT_ALONE):
        raise _TooDifferent
    try:
        return parse_yaml(f"key: {text}", Path())["key"]
    except (ParamsError, TypeError):
        raise _TooDifferent from None


def _places(root: Node, lines: list[str]) -> dict[int, _Place]:
    """Return the values that stand in one line each, behind a colon or a dash, without a tag."""
    return {
        line: _Place(column, keys)
        for line, column, keys in _values(root, ())
        if lines[line][:column].rstrip().endswith((":", "-"))
    }


def _has_anchor(node: Node) -> bool:
    inside = () if isinstance(node, ScalarNode) else node.value
    parts = (part for each in inside for part in (each if isinstance(each, tuple) else (each,)))
    return node.anchor is not None or any(map(_has_anchor, parts))


def _values(node: Node, keys: tuple[Any, ...]) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
    """Yield line and column of the innermost values, with the keys that lead to them.

    A mapping or list in brackets is one value. A value that isn't written stands behind its colon.
    """
    if isinstance(node, SequenceNode) and not node.flow_style:
        for index, each in enumerate(node.value):
            yield from _values(each, (*keys, index))
    elif isinstance(node, MappingNode) and not node.flow_style:
        for key, each in node.value:
            if key.tag == TEXT and _is_empty(each):
                yield key.end_mark.line, key.end_mark.column + 1, (*keys, key.value)
            elif key.tag == TEXT:
                yield from _values(each, (*keys, key.value))
    elif node.start_mark.line == node.end_mark.line and not _is_empty(node):
        yield node.start_mark.line, node.start_mark.column, keys


def _is_empty(node: Node) -> bool:
    """Whether a value isn't written; its marks are where the next token is."""
    return isinstance(node, ScalarNode) and node.value == "" and not node.style
