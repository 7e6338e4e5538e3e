"""The stage that downloads the publisher's files to data/raw and checks each one's hash."""

from pathlib import Path
from typing import Any

from lockstep.config.schema import Params
from lockstep.data import recorded_hashes
from lockstep.data.fetch import kept
from lockstep.process import console
from lockstep.storage import atomic_files, disk, layout, mirrors
from tasks import datasets


def download(params: Params, root: Path) -> None:
    """Download the data set's files from its publisher, or from `data.mirror` if that is set.

    The user's own data are copied from `data.path`. Raises DataError for a file with another size
    or hash than expected, UnavailableError if no address can be reached.
    """
    dataset = datasets.find(params.data.name)
    if hasattr(dataset, "import_files"):
        with atomic_files.whole_folder(root / layout.RAW) as raw:
            dataset.import_files(root / params.data.path, raw)
        return
    addresses = mirrors.addresses(dataset.ADDRESSES, params.data.mirror, dataset.FOLDER, root)
    files = dataset.FILES
    if params.data.mirror is not None:
        files = getattr(dataset, "MIRRORED", files)
    disk.require_space(root / layout.RAW, sum(size or 0 for size, _ in files.values()))
    with atomic_files.whole_folder(root / layout.RAW) as raw:
        for name, expected in files.items():
            _fetch(addresses, name, raw, expected, root)


def _fetch(
    addresses: tuple[str, ...], name: str, raw: Path, expected: tuple[Any, Any], root: Path
) -> None:
    """Download one file; check the published size and sha256, or those of its first download."""
    published = None not in expected
    size, sha256 = expected if published else recorded_hashes.recorded(root, addresses[0] + name)
    with console.bytes_bar(name, size) as arrived:
        kept.fetch(addresses, name, raw / name, root, size, sha256, arrived)
    if published:
        console.say(f"{name}: {size:,} bytes, sha256 as published")
    else:
        console.say(recorded_hashes.record(root, addresses[0] + name, raw / name))
