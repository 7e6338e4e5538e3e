"""Download and normalize a data set in a temporary folder, for its data card."""

import os
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from lockstep.config.schema import Params
from lockstep.process.temporary_folders import temporary_folder
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from tasks import datasets
from tasks.download import download
from tasks.normalize import normalize


def card_of(params: Params, root: Path) -> dict[str, Any]:
    """Return the data card of the data that the parameters name; the project stays as it is.

    Raises DataError as the stages do.
    """
    dataset = datasets.find(params.data.name)
    with temporary_folder() as workspace:
        moved = _with_absolute_paths(params, root)
        if _is_downloaded(dataset, root / layout.RAW):
            (workspace / layout.RAW).parent.mkdir()
            (workspace / layout.RAW).symlink_to((root / layout.RAW).resolve())
        else:
            download(moved, workspace)
        normalize(moved, workspace)
        card: dict[str, Any] = atomic_files.read_json(workspace / layout.DATA_CARD)
        return card


def _with_absolute_paths(params: Params, root: Path) -> Params:
    changes = {"path": os.path.abspath(root / params.data.path)}  # noqa: PTH100
    mirror = params.data.mirror
    if mirror is not None and not urlsplit(mirror).scheme:
        changes["mirror"] = str(main_checkout(root) / mirror)
    return params.model_copy(update={"data": params.data.model_copy(update=changes)})


def _is_downloaded(dataset: ModuleType, raw: Path) -> bool:
    """Whether a folder has exactly the files that the data set's publisher, or a mirror, has."""
    if hasattr(dataset, "import_files") or not raw.is_dir():
        return False
    found = {file.name: file for file in raw.iterdir()}
    return any(
        set(files) == set(found)
        and all(
            file.stat().st_size == files[name][0] and atomic_files.sha256(file) == files[name][1]
            for name, file in found.items()
        )
        for files in (dataset.FILES, getattr(dataset, "MIRRORED", {}))
    )
