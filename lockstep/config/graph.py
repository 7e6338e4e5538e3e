"""The dependencies of dvc.yaml's stages, with `${...}` replaced by values of params.yaml."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from lockstep.storage import layout

TEMPLATE = re.compile(r"\$\{([\w.]+)\}")


class StageInputs(NamedTuple):
    """A stage's deps, as paths within the project, and params, as dotted keys of params.yaml."""

    deps: list[str]
    params: list[str]


def read_graph(root: Path, params: Params) -> dict[str, StageInputs]:
    """Return the dependencies of each stage in a project's dvc.yaml, by the stage's name."""
    stages = read_yaml(root / layout.GRAPH)["stages"]
    values = params.model_dump(mode="json")
    return {
        name: StageInputs(*([_interpolate(each, values) for each in stage.get(kind, ())]
                            for kind in ("deps", "params")))
        for name, stage in stages.items()
    }  # fmt: skip


def _interpolate(text: str, values: dict[str, Any]) -> str:
    return TEMPLATE.sub(lambda match: str(value_of(values, match[1])), text)


def value_of(values: Any, key: str) -> Any:
    """Return the value at a dotted key of nested dicts."""
    for part in key.split("."):
        values = values[part]
    return values


def value_or(values: Any, key: str, missing: Any) -> Any:
    """Return the value at a dotted key, or `missing` if there is none."""
    try:
        return value_of(values, key)
    except (KeyError, TypeError):
        return missing
