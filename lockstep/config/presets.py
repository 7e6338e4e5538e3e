"""Presets: named experiments, each a YAML file with its differences from params.yaml."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lockstep.config.overrides import overridden
from lockstep.config.surface import PRESETS
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from lockstep.messages import aligned, choice
from lockstep.storage import layout

MEASURED = PRESETS / "measured.json"
# Values that DVC accepts unquoted.
PLAIN = re.compile(r"[\w.*/-]+")


def preset_names(root: Path) -> list[str]:
    """Return the sorted names of the files in presets/."""
    return sorted(file.stem for file in (root / PRESETS).glob("*.yaml"))


def assignments(root: Path, name: str) -> list[str]:
    """Return a preset's changes as key=value; raises ParamsError for an unknown name."""
    return [f"{key}={json.dumps(value)}" for key, value in _changes(root, name)]


def with_overrides(root: Path, name: str | None, overrides: Iterable[str]) -> list[str]:
    """Return a preset's changes, if it is named, and then the overrides, which take precedence."""
    return [*(assignments(root, name) if name else []), *overrides]


def for_dvc(root: Path, name: str) -> str:
    """Return a preset's changes as options of `dvc exp run`, with no spaces in the values.

    Raises ParamsError for an unknown name, or a value that needs quotes.
    """
    return " ".join(f"-S {key}={_hydra_value(value)}" for key, value in _changes(root, name))


def table(root: Path) -> str:
    """Return one line per preset: data set, model, our last measured result, the published one."""
    file = root / MEASURED
    measured = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    defaults = read_yaml(root / layout.PARAMS)
    rows = [("preset", "data", "model", "measured", "published")]
    for name in preset_names(root):
        values = overridden(defaults, assignments(root, name))
        figure = measured.get(name, "not yet")
        data, model = values["data"]["name"], values["model"]["name"]
        rows.append((name, data, model, figure, published(root, name)))
    return aligned(rows)


def _path(root: Path, name: str) -> Path:
    known = preset_names(root)
    if name not in known:
        raise ParamsError(f"preset: got {name!r}, expected {choice(name, known)}")
    return root / PRESETS / f"{name}.yaml"


def published(root: Path, name: str) -> str:
    """Return the result that the tutorial published, as text."""
    text = _path(root, name).read_text(encoding="utf-8")
    return text.partition("# Published: ")[2].partition("\n")[0]


def _changes(root: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys of parameters and model arguments; a nested mapping is a single value."""
    for section, values in read_yaml(_path(root, name)).items():
        for key, value in values.items():
            if section == "model" and isinstance(value, dict):
                yield from ((f"model.{key}.{name}", each) for name, each in value.items())
            else:
                yield f"{section}.{key}", value


def _hydra_value(value: Any) -> str:
    """A value in the override grammar of Hydra, which DVC uses."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_hydra_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_hydra_value, value)) + "]"
    text = value if isinstance(value, str) else json.dumps(value)
    if not PLAIN.fullmatch(text):
        raise ParamsError(f"preset: got {text!r}, expected a value without spaces and quotes")
    return text
