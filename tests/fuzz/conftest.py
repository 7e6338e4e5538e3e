"""Each test of a reader has a folder, beside which nothing may be written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fuzzing import bounded


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "folder").mkdir()
    with bounded(tmp_path / "folder"):
        yield tmp_path / "folder"
