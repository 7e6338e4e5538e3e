"""Read an .npz file, whose headers are checked before its arrays are unpacked into memory."""

import math
import shutil
import zipfile
from pathlib import Path

import numpy as np

from lockstep.data.readers.html_pages import refuse_page
from lockstep.errors import DataError

# An archive that unpacks to more than both is refused: deflate reaches a thousand times, real data
# rarely ten times. np.savez writes any data uncompressed.
MAX_RATIO, SMALL = 100, 2**28
MAPPED = 2**26  # bytes from which an array is mapped instead of read into memory
BLOCK = 2**24  # bytes to copy at once
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load_arrays(path: Path, scratch: Path | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz by name; large ones are memory maps if `scratch` is given.

    Arrays that the file has compressed are unpacked into the folder `scratch`. Raises DataError for
    a damaged file, Python objects, or more bytes than the file can reasonably have packed.
    """
    refuse_page(path)
    try:
        _check_sizes(path)
        with zipfile.ZipFile(path) as archive:
            return {
                member.filename.removesuffix(".npy"): _load(archive, member, path, scratch)
                for member in archive.infolist()
            }
    except (ValueError, OSError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a complete .npz file of plain arrays ({error})") from None


def _load(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, scratch: Path | None
) -> np.ndarray:
    if scratch is None or _shape_and_bytes(archive, member)[1] < MAPPED:
        with archive.open(member) as file:
            array: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
            return array
    target = scratch / f"unpacked-{len(list(scratch.iterdir()))}.npy"
    with archive.open(member) as packed, target.open("wb") as file:
        shutil.copyfileobj(packed, file, BLOCK)  # compares the checksum at the end
    mapped: np.ndarray = np.load(target, mmap_mode="r", allow_pickle=False)
    return mapped


def array_lengths(path: Path) -> dict[str, int]:
    """Return the length of each array by its header alone; raises DataError for a damaged file."""
    try:
        with zipfile.ZipFile(path) as archive:
            shapes = {each.filename: _shape_and_bytes(archive, each) for each in archive.infolist()}
    except (ValueError, OSError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a complete .npz file of plain arrays ({error})") from None
    return {
        name.removesuffix(".npy"): shape[0] if shape else 0 for name, (shape, _) in shapes.items()
    }


def _check_sizes(path: Path) -> None:
    packed = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(_size(archive, member) for member in archive.infolist())
    if unpacked > max(SMALL, MAX_RATIO * packed):
        raise DataError(
            f"{path}: {packed:,} bytes that unpack to {unpacked:,}, expected at most {MAX_RATIO} "
            "times as many; if the data are right, save them by np.savez"
        )


def _size(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    """The bytes of a member by its two headers, of which either may be wrong."""
    return max(member.file_size, _shape_and_bytes(archive, member)[1])


def _shape_and_bytes(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo
) -> tuple[tuple[int, ...], int]:
    """The shape of a member's array, and the bytes that NumPy would allocate for it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            return (), 0  # refused by NumPy, or a table with columns' names in UTF-8
        shape, _, dtype = HEADERS[version](file)
        return shape, math.prod(shape) * dtype.itemsize
