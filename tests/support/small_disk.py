"""A small or read-only disk for tests."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, size: str, *options: str, lazy: bool = False) -> Iterator[None]:
    """Mount an empty disk of a size such as 64k on a folder; skip the test without permission.

    With `lazy` this process may have files open there in the end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    choices = ",".join([f"size={size}", *options])
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", choices, "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this user can't mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", *(["--lazy"] if lazy else []), folder], check=True)
