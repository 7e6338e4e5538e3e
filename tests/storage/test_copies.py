"""Copies have the bytes of their original, on one file system or two."""

import os
from pathlib import Path

import pytest

from lockstep.storage.copies import copy_file

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a file system, not a name to guess


@pytest.mark.parametrize("size", [0, 1, 5_000_001])
def test_a_copy_has_the_same_bytes(tmp_path: Path, size: int) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(os.urandom(size))
    target.write_bytes(b"longer than before" * 10)
    copy_file(source, target)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.skipif(not SHARED_MEMORY.is_dir(), reason="no second file system")
def test_a_copy_from_another_file_system(tmp_path: Path) -> None:
    source = SHARED_MEMORY / f"lockstep-{os.getpid()}"
    try:
        source.write_bytes(os.urandom(100_000))
        copy_file(source, tmp_path / "target")
        assert (tmp_path / "target").read_bytes() == source.read_bytes()
    finally:
        source.unlink()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "none", tmp_path / "target")
