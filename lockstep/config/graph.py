"""What dvc.yaml says that stages depend on, with the values of params.yaml in its templates."""

import re
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from lockstep.storage import layout

TEMPLATE = re.compile(r"\$\{([\w.]+)\}")


class StageInputs(NamedTuple):
    """What decides a stage's result: paths within the project, and dotted keys of params.yaml."""

    deps: list[str]
    params: list[str]


def read_graph(root: Path, params: Params) -> dict[str, StageInputs]:
    """Return what each stage of a project's dvc.yaml depends on, by the stage's name."""
    stages = read_yaml(root / layout.GRAPH)["stages"]
    values = params.model_dump(mode="json")
    return {
        name: StageInputs(*([_filled(each, values) for each in stage.get(kind, ())]
                            for kind in ("deps", "params")))
        for name, stage in stages.items()
    }  # fmt: skip


def _filled(text: str, values: dict[str, Any]) -> str:
    return TEMPLATE.sub(lambda match: str(value_of(values, match[1])), text)


def value_of(values: Any, key: str) -> Any:
    """Return what stands at a dotted key of nested dicts."""
    for part in key.split("."):
        values = values[part]
    return values
