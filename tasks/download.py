"""The stage that brings the publisher's files into data/raw, each checked against its hash."""

from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from lockstep.config.schema import Params
from lockstep.data import recorded_hashes
from lockstep.data.fetch import fetch_file
from lockstep.errors import DataError
from lockstep.process import console
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import main_checkout
from tasks import datasets


def download(params: Params, root: Path) -> None:
    """Fetch the data set's files from its publisher, or from `data.mirror` in their place.

    One's own data are copied from `data.path`.

    Raises DataError for bytes that aren't the publisher's, UnavailableError if nobody answers.
    """
    dataset = datasets.find(params.data.name)
    if hasattr(dataset, "bring"):
        with atomic_files.whole_folder(root / layout.RAW) as raw:
            dataset.bring(root / params.data.path, raw)
        return
    addresses = _addresses(dataset, params.data.mirror, root)
    files = dataset.FILES
    if params.data.mirror is not None:
        files = getattr(dataset, "MIRRORED", files)
    with atomic_files.whole_folder(root / layout.RAW) as raw:
        for name, known in files.items():
            _bring(addresses, name, raw, known, root)


def _bring(
    addresses: tuple[str, ...], name: str, raw: Path, known: tuple[Any, Any], root: Path
) -> None:
    """Fetch one file, of the size and sha256 that the publisher gives, or that it had at first."""
    published = None not in known
    size, sha256 = known if published else recorded_hashes.before(root, addresses[0] + name)
    with console.bytes_of(name, size) as arrived:
        fetch_file(addresses, name, raw / name, size, sha256, arrived)
    if published:
        console.say(f"{name}: {size:,} bytes, hash as published")
    else:
        console.say(recorded_hashes.note(root, addresses[0] + name, raw / name))


def _addresses(dataset: ModuleType, mirror: str | None, root: Path) -> tuple[str, ...]:
    if mirror is None or dataset.FOLDER is None:
        addresses: tuple[str, ...] = dataset.ADDRESSES
        return addresses
    scheme = urlsplit(mirror).scheme
    if scheme in ("http", "https", "file"):
        return (f"{mirror.rstrip('/')}/{dataset.FOLDER}/",)
    # A workspace of its own has its own root, and the same mirror.
    folder = main_checkout(root) / mirror / dataset.FOLDER
    if not folder.is_dir():
        raise DataError(f"data.mirror: got {mirror!r}, but there is no folder {folder}")
    return (f"{folder}/",)
