"""The IDX format: big-endian magic and counts, then unsigned bytes in row-major order."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from lockstep.errors import DataError

UNSIGNED_BYTES = 0x08
MAX_BYTES = 2**30


def read(path: Path) -> np.ndarray:
    """Return the uint8 array of a gzipped IDX file; raises DataError if it is damaged."""
    try:
        with gzip.open(path) as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}), download it again") from None
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: unpacks to more than {MAX_BYTES:,} bytes, download it again")
    zeros, kind, rank = struct.unpack_from(">HBB", content.ljust(4, b"\0"))
    if zeros != 0 or kind != UNSIGNED_BYTES or rank not in (1, 3):
        start = content[:4].hex() or "nothing"
        raise DataError(f"{path}: starts with {start}, expected IDX of bytes, download it again")
    header = 4 + 4 * rank
    shape = struct.unpack_from(f">{rank}I", content.ljust(header, b"\0"), 4)
    if len(content) != header + math.prod(shape):
        raise DataError(
            f"{path}: {len(content)} bytes, expected {header + math.prod(shape)} for {shape}"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def read_splits(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return (images, labels) of the training and test files as MNIST names them."""
    return {
        split: (
            read(folder / f"{prefix}-images-idx3-ubyte.gz"),
            read(folder / f"{prefix}-labels-idx1-ubyte.gz"),
        )
        for split, prefix in (("train", "train"), ("test", "t10k"))
    }
