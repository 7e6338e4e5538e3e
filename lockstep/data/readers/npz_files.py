"""Read an .npz file, whose headers are checked before its arrays are unpacked into memory."""

import shutil
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from lockstep.data.readers.html_pages import refuse_page
from lockstep.data.readers.npy_files import damage_told, map_array, shape_and_bytes
from lockstep.errors import DataError

# An archive that unpacks to more than both is refused: deflate reaches a thousand times, real data
# rarely ten times. np.savez writes any data uncompressed.
MAX_RATIO, SMALL = 100, 2**28
MAX_MEMBERS = 1000
MAPPED = 2**26  # bytes from which an array is mapped instead of read into memory
BLOCK = 2**24  # bytes to copy at once


def load_arrays(path: Path, scratch: Path | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz by name; large ones are memory maps if `scratch` is given.

    Arrays that the file has compressed are unpacked into the folder `scratch`. Raises DataError for
    a damaged file, Python objects, or more bytes than the file can reasonably have packed.
    """
    refuse_page(path)
    with _damage_told(path), zipfile.ZipFile(path) as archive:
        shapes = _shapes(archive)
        _check_sizes(path, shapes)
        return {
            name.removesuffix(".npy"): _load(archive, name, size, scratch)
            for name, (_, size) in shapes.items()
        }


def array_lengths(path: Path) -> dict[str, int]:
    """Return the length of each array by its header alone; raises DataError for a damaged file."""
    with _damage_told(path), zipfile.ZipFile(path) as archive:
        shapes = _shapes(archive)
    return {
        name.removesuffix(".npy"): shape[0] if shape else 0 for name, (shape, _) in shapes.items()
    }


def _damage_told(path: Path) -> AbstractContextManager[None]:
    return damage_told(f"{path}: not a complete .npz file of plain arrays")


def _load(archive: zipfile.ZipFile, name: str, size: int, scratch: Path | None) -> np.ndarray:
    if scratch is None or size < MAPPED:
        with archive.open(name) as file:
            array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
            return array
    target = scratch / f"unpacked-{len(list(scratch.iterdir()))}.npy"
    with archive.open(name) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, BLOCK)  # compares the checksum at the end
    return map_array(target)


def _shapes(archive: zipfile.ZipFile) -> dict[str, tuple[tuple[int, ...], int]]:
    """The shape of each member's array, and the bytes it takes by its two headers, at most.

    Either of them may be wrong. Raises ValueError for too many members, or two of one name.
    """
    members = archive.infolist()
    if len({each.filename for each in members}) < len(members) or len(members) > MAX_MEMBERS:
        raise ValueError(
            f"{len(members)} arrays, expected at most {MAX_MEMBERS} of different names"
        )
    found = {}
    for member in members:
        with archive.open(member) as file:
            shape, size = shape_and_bytes(file)
        found[member.filename] = shape, max(size, member.file_size)
    return found


def _check_sizes(path: Path, shapes: dict[str, tuple[tuple[int, ...], int]]) -> None:
    packed, unpacked = path.stat().st_size, sum(size for _, size in shapes.values())
    if unpacked > max(SMALL, MAX_RATIO * packed):
        raise DataError(
            f"{path}: {packed:,} bytes that unpack to {unpacked:,}, expected at most {MAX_RATIO} "
            "times as many; if the data are right, save them by np.savez"
        )
