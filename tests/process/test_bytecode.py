"""No .pyc file is written where the disk is nearly full."""

import sys
from pathlib import Path

import pytest

from tests.support.small_disk import small_disk
from tests.support.workspaces import REPOSITORY, run

IMPORT = """
from lockstep.process import bytecode
bytecode.write_only_with_room()
import subprocess, sys
import mine
subprocess.run([sys.executable, "-c", "import yours"], check=True)
"""


@pytest.mark.parametrize(("size", "written"), [("1m", set()), ("100m", {"mine", "yours"})])
def test_it_is_written_only_with_room(tmp_path: Path, size: str, written: set[str]) -> None:
    with small_disk(tmp_path / "disk", size):
        for name in ("mine", "yours"):
            (tmp_path / "disk" / f"{name}.py").write_text("")
        ended = run(tmp_path / "disk", sys.executable, "-c", IMPORT, PYTHONPATH=str(REPOSITORY))
        found = {each.name.partition(".")[0] for each in tmp_path.rglob("*.pyc")}
    assert ended.returncode == 0, ended.stdout
    assert found == written
