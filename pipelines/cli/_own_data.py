"""The overrides that name a person's file or folder which isn't in params.yaml yet."""

from pathlib import Path
from typing import Any

from lockstep.config.overrides import as_value
from lockstep.config.schema import Data
from tasks import datasets

# What params.yaml may say of another file's columns, arrays and cells.
UNSAID: dict[str, Any] = {
    "target": None, "target_kind": "auto", "input_kind": "auto", "columns": {},
    "labels_file": None, "sample_weight": None, "group": None, "time": None,
    "header": "auto", "delimiter": None, "decimal": None, "thousands": None, "encoding": None,
    "null_values": [], "folds": None, "fold": 1,
    "window": None, "stride": 1, "horizon": 1, "split_by": None,
}  # fmt: skip


def overrides_of(path: Path, targets: list[str], root: Path, current: Data) -> list[str]:
    """Return overrides for a path from the current folder; raises DataError for no such kind.

    What `current`, the data section of params.yaml, says of other data is overridden too.
    """
    values: dict[str, Any] = {"name": datasets.name_for(path), "path": _from_project(path, root)}
    for key, value in UNSAID.items():
        if getattr(current, key, value) != value and not (key == "target" and targets):
            values[key] = value
    left = [f"data.{key}={as_value(value)}" for key, value in values.items()]
    return [*left, *overrides_of_target(targets)]


def overrides_of_target(targets: list[str]) -> list[str]:
    """Return the override for the columns to predict, if there are any."""
    if not targets:
        return []
    return [f"data.target={as_value(targets if len(targets) > 1 else targets[0])}"]


def _from_project(path: Path, root: Path) -> str:
    absolute = Path.cwd() / path
    return str(absolute.relative_to(root) if absolute.is_relative_to(root) else absolute)
