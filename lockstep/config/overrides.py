"""Parameters changed by `key=value`, as `dvc exp run -S` does it."""

import copy
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lockstep.errors import ParamsError


def overridden(raw: Any, assignments: list[str]) -> Any:
    """Return a copy of `raw` with each `key=value` set; raises ParamsError for what isn't one."""
    values = copy.deepcopy(raw)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not (key and equals):
            raise ParamsError(f"got {assignment!r}, expected key=value such as train.epochs=3")
        *sections, last = key.split(".")
        inside = values
        for section in sections:
            inside = inside.setdefault(section, {}) if isinstance(inside, dict) else None
        if not isinstance(inside, dict):
            raise ParamsError(f"{key}: unknown key, {'.'.join(sections)} has no parts")
        inside[last] = _value(assignment, text)
    return values


def write_overridden(path: Path, assignments: list[str]) -> None:
    """Set each `key=value` in a file, which keeps its comments."""
    yaml = YAML()
    yaml.width = sys.maxsize  # a long list that is wrapped before a comment isn't YAML any more
    yaml.dump(overridden(yaml.load(path), assignments), path)


def _value(assignment: str, text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        raise ParamsError(f"got {assignment!r}, expected a value that is YAML") from None
