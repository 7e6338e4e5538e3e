"""Read an .npz file, whose headers are checked before its arrays are unpacked into memory."""

import math
import zipfile
from pathlib import Path

import numpy as np

from lockstep.data.readers.html_pages import refuse_page
from lockstep.errors import DataError

# An archive that unpacks to more than both is refused: deflate reaches a thousand times, real data
# rarely ten times. np.savez writes any data uncompressed.
MAX_RATIO, SMALL = 100, 2**28
HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz by name.

    Raises DataError for a damaged file, Python objects, or more bytes than the file can reasonably
    have packed.
    """
    refuse_page(path)
    try:
        _check_sizes(path)
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: not a complete .npz file of plain arrays ({error})") from None


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
