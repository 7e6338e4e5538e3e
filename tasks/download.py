"""The stage that brings the publisher's files into data/raw, each checked against its hash."""

from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

from errors import DataError
from params import Params
from tasks import _fetch, _files, _progress, _workspace, datasets


def download(params: Params, root: Path) -> None:
    """Fetch the data set's files from its publisher, or from `data.mirror` in their place.

    Raises DataError for bytes that aren't the publisher's, UnavailableError if nobody answers.
    """
    dataset = datasets.find(params.data.name)
    addresses = _addresses(dataset, params.data.mirror, root)
    with _files.whole_folder(root / "data" / "raw") as raw:
        for name, (size, sha256) in dataset.FILES.items():
            with _progress.bytes_of(name, size) as arrived:
                _fetch.fetch(addresses, name, raw / name, size, sha256, arrived)


def _addresses(dataset: ModuleType, mirror: str | None, root: Path) -> tuple[str, ...]:
    if mirror is None or dataset.FOLDER is None:
        addresses: tuple[str, ...] = dataset.ADDRESSES
        return addresses
    scheme = urlsplit(mirror).scheme
    if scheme in ("http", "https", "file"):
        return (f"{mirror.rstrip('/')}/{dataset.FOLDER}/",)
    # A workspace of its own has its own root, and the same mirror.
    folder = _workspace.main_checkout(root) / mirror / dataset.FOLDER
    if not folder.is_dir():
        raise DataError(f"data.mirror: got {mirror!r}, but there is no folder {folder}")
    return (f"{folder}/",)
