"""What dvc.lock records of the stages, read without DVC."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockstep.errors import DataError
from lockstep.storage import layout
from lockstep.versioning.lock_text import parse_checkouts_lock, parse_lock

Stages = Mapping[str, Any]  # as in dvc.lock, by name


def recorded_params(root: Path, stage: str) -> dict[str, Any]:
    """Return the parameters with which a stage has run last, by dotted key; empty if it hasn't."""
    return params_of(recorded_stages(root).get(stage, {}))


def recorded_stages(root: Path) -> Stages:
    """Return the stages of dvc.lock; none without the file. Raises DataError if it is broken."""
    file = root / layout.LOCK
    return _stages(parse_checkouts_lock(file.read_bytes())) if file.exists() else {}


def stages_in(text: str, name: str = "") -> Stages:
    """Return the stages in the text of a dvc.lock; none without text. Raises DataError if broken.

    `name` is the experiment's that it belongs to.
    """
    try:
        return _stages(parse_lock(text))
    except DataError as error:
        raise DataError(f"{name}: {error}" if name else str(error)) from None


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


def md5_of_folder(files: Mapping[str, str]) -> str:
    """Return DVC's md5 of a folder, of the md5 of its files by relative path."""
    entries = [{"md5": files[file], "relpath": file} for file in sorted(files)]
    listed = json.dumps(entries, sort_keys=True).encode()
    return f"{hashlib.md5(listed, usedforsecurity=False).hexdigest()}.dir"


def _stages(lock: Mapping[str, Any]) -> Stages:
    found: Stages = lock.get("stages", {})
    return found
