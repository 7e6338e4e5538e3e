"""The IDX format: big-endian magic and counts, then unsigned bytes in row-major order."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from lockstep.errors import DataError

UNSIGNED_BYTES = 0x08
MAX_BYTES, MAX_RATIO = 2**30, 1100  # deflate packs zeros 1,032 times as densely


def read(path: Path) -> np.ndarray:
    """Return the uint8 array of a gzipped IDX file; raises DataError if it is damaged.

    No more is unpacked than its header says.
    """
    try:
        with gzip.open(path) as file:
            shape = _shape(path, file)
            content = file.read(math.prod(shape) + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not a whole gzip file ({error}), download it again") from None
    header, expected = 4 + 4 * len(shape), math.prod(shape)
    if len(content) != expected:
        got = "more" if len(content) > expected else f"{header + len(content)} bytes"
        raise DataError(f"{path}: {got}, expected {header + expected} bytes for {shape}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(path: Path, file: gzip.GzipFile) -> tuple[int, ...]:
    start = file.read(4)
    zeros, kind, rank = struct.unpack(">HBB", start.ljust(4, b"\0"))
    if zeros != 0 or kind != UNSIGNED_BYTES or rank not in (1, 3):
        raise DataError(
            f"{path}: starts with {start.hex() or 'nothing'}, expected IDX of bytes, download it "
            "again"
        )
    shape: tuple[int, ...] = struct.unpack(f">{rank}I", file.read(4 * rank).ljust(4 * rank, b"\0"))
    if 0 in shape:
        raise DataError(f"{path}: no values, for {shape}, expected some; download it again")
    packed = path.stat().st_size
    if math.prod(shape) > min(MAX_BYTES, MAX_RATIO * packed):
        raise DataError(
            f"{path}: {packed:,} bytes that unpack to {math.prod(shape):,} for {shape}, expected "
            f"at most {MAX_BYTES:,}, and {MAX_RATIO:,} times as many; download it again"
        )
    return shape


def read_splits(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return (images, labels) of the training and test files as MNIST names them."""
    return {
        split: (
            read(folder / f"{prefix}-images-idx3-ubyte.gz"),
            read(folder / f"{prefix}-labels-idx1-ubyte.gz"),
        )
        for split, prefix in (("train", "train"), ("test", "t10k"))
    }
