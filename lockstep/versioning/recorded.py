"""What dvc.lock records of the stages, read without DVC."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockstep.config.yaml_files import parse_yaml, read_yaml
from lockstep.storage import layout

Stages = Mapping[str, Any]  # as in dvc.lock, by name


def recorded_params(root: Path, stage: str) -> dict[str, Any]:
    """Return the parameters with which a stage has run last, by dotted key; empty if it hasn't."""
    return params_of(recorded_stages(root).get(stage, {}))


def recorded_stages(root: Path) -> Stages:
    """Return the stages of dvc.lock; empty without the file."""
    file = root / layout.LOCK
    return _stages(read_yaml(file)) if file.exists() else {}


def stages_in(text: str) -> Stages:
    """Return the stages in the text of a dvc.lock, which may be empty."""
    return _stages(parse_yaml(text, layout.LOCK))


def params_of(stage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a stage in dvc.lock, by dotted key."""
    found: dict[str, Any] = stage.get("params", {}).get(str(layout.PARAMS), {})
    return found


def md5s(stages: Stages, kind: str) -> dict[str, str]:
    """Return the md5 of all `deps` or `outs` by path, in the order of the stages."""
    return {
        each["path"]: each["md5"]
        for stage in stages.values()
        for each in stage.get(kind, ())
        if "md5" in each
    }


def _stages(lock: Any) -> Stages:
    found: Stages = (lock or {}).get("stages", {})
    return found
