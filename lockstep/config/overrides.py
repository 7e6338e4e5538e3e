"""Parameter overrides `key=value`, as in `dvc exp run -S`."""

import copy
import io
import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lockstep.errors import ParamsError
from lockstep.storage.atomic_files import write_text


def overridden(raw: Any, assignments: list[str]) -> Any:
    """Return a copy of `raw` with each `key=value` set; raises ParamsError for an invalid one."""
    values = copy.deepcopy(raw)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (key and equals):
            raise ParamsError(f"got {assignment!r}, expected key=value such as train.epochs=3")
        *sections, last = key.split(".")
        parent = values
        for section in sections:
            parent = parent.setdefault(section, {}) if isinstance(parent, dict) else None
        if not isinstance(parent, dict):
            raise ParamsError(f"{key}: unknown key, {'.'.join(sections)} isn't a mapping")
        parent[last] = _value(assignment, text)
    return values


def as_value(value: Any) -> str:
    """Return the text of a value in `key=value`; a text only has quotes if it needs them."""
    if isinstance(value, str) and _is_plain(value):
        return value
    return json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=10_000)
def _is_plain(text: str) -> bool:
    try:
        return bool(_loaded(text) == text)
    except (YAMLError, ValueError, RecursionError):
        return False


def write_overridden(path: Path, assignments: list[str]) -> None:
    """Set each `key=value` in a YAML file; keeps its comments unless that gives invalid YAML."""
    before = path.read_text(encoding="utf-8")
    expected = overridden(_loaded(before), assignments)
    text = _with_comments(before, assignments)
    write_text(path, text if _reads_as(text, expected) else _dumped(expected))


def write_values(path: Path, values: Any) -> None:
    """Write nested dicts and lists as a YAML file."""
    write_text(path, _dumped(values))


def _with_comments(before: str, assignments: list[str]) -> str:
    yaml, text = YAML(), io.StringIO()
    yaml.width = sys.maxsize  # wrapping a long list before a comment gives invalid YAML
    yaml.dump(overridden(yaml.load(before), assignments), text)
    return text.getvalue()


def _reads_as(text: str, expected: Any) -> bool:
    """Return whether a YAML text has these values.

    ruamel.yaml 0.19 joins two lines when `[]` replaces a block list, because the line break is kept
    with the list's last item.
    """
    try:
        return bool(_loaded(text) == expected)
    except (YAMLError, RecursionError):  # a value that contains itself can't be compared
        return False


def _dumped(values: Any) -> str:
    yaml, text = YAML(typ="safe", pure=True), io.StringIO()
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.default_flow_style = False
    yaml.dump(values, text)
    return text.getvalue()


def _loaded(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def _value(assignment: str, text: str) -> Any:
    try:
        value = _loaded(text)
        json.dumps(value, skipkeys=True, default=str)  # ValueError: a value that contains itself
    except (YAMLError, ValueError, RecursionError):
        shown = assignment if len(assignment) <= 60 else f"{assignment[:57]}..."
        raise ParamsError(f"got {shown!r}, expected a value that is YAML") from None
    return value
