"""Renamed and removed parameters, and renamed identifiers: the old keys are refused.

A test checks that the old names aren't used anywhere else.
"""

from collections.abc import Iterator
from typing import Any

from lockstep.errors import ParamsError

KEYS = {
    "data.task": "data.target_kind",
    "data.validation": "data.validation_split",
    "normalize.length": "normalize.sequence_length",
    "normalize.size": "normalize.image_size",
    "normalize.words": "normalize.max_tokens",
    "register.gain": "register.min_delta",
    "register.minimum": "register.threshold",
    "train.bundle_seconds": "train.snapshot_seconds",
    "train.class_weights": "train.class_weight",
    "train.cluster_seconds": "train.cluster_timeout_seconds",
    "train.own": "train.custom_objects_file",
    "train.residency": "train.data_placement",
    "train.steps_per_call": "train.steps_per_execution",
}
REMOVED = dict.fromkeys(
    ("train.label_encoding", "train.labels"),
    "each loss and metric now gets the labels in the form that it takes, remove the key",
)
IDENTIFIERS = {
    "Resident": "DeviceSource",
    "RowNumbers": "TableColumns",
    "ToldCallbacks": "BroadcastCallbackList",
    "Together": "WorkerCollectives",
    "WordIds": "TextToIds",
    "bundle": "snapshot",
    "bundles": "snapshots",
    "by_name": "as_dict",
    "class_weights": "class_weight",
    "models/_own.py": "models/_custom.py",
    "residency": "data_placement",
    "steps_per_call": "steps_per_execution",
}


def refuse_renamed(raw: Any, source: str) -> None:
    """Raise ParamsError for the first old key in `raw`, the nested dicts of params.yaml."""
    for key in _keys(raw):
        if key in KEYS:
            raise ParamsError(f"{source}: {key}: this key has been renamed, expected {KEYS[key]}")
        if key in REMOVED:
            raise ParamsError(f"{source}: {key}: {REMOVED[key]}")


def _keys(raw: Any) -> Iterator[str]:
    for section, values in raw.items() if isinstance(raw, dict) else ():
        if isinstance(values, dict):
            yield from (f"{section}.{key}" for key in values)
