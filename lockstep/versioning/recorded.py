"""What dvc.lock records of a stage, read without DVC."""

from pathlib import Path
from typing import Any

from lockstep.config.yaml_files import read_yaml
from lockstep.storage import layout


def recorded_params(root: Path, stage: str) -> dict[str, Any]:
    """Return the parameters with which a stage has run last, by dotted key; empty if it hasn't."""
    file = root / layout.LOCK
    recorded = (read_yaml(file) or {}).get("stages", {}).get(stage, {}) if file.exists() else {}
    found: dict[str, Any] = recorded.get("params", {}).get(str(layout.PARAMS), {})
    return found
