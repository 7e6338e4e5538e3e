"""What two processes record at once is recorded, all of it."""

import subprocess
import sys
from pathlib import Path

from lockstep.data import recorded_hashes
from lockstep.storage import atomic_files, layout
from tests.support.workspaces import REPOSITORY

RECORD = """
import pathlib, sys
from lockstep.data.recorded_hashes import record
root, name = pathlib.Path(sys.argv[1]), sys.argv[2]
for number in range(20):
    record(root, f"https://{name}/{number}", root / "file")
"""


def test_first_downloads_of_two_processes(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    script = tmp_path / "record.py"
    script.write_text(RECORD)
    processes = [
        subprocess.Popen(
            [sys.executable, script, tmp_path, name], env={"PYTHONPATH": str(REPOSITORY)}
        )
        for name in ("one", "two")
    ]
    assert [each.wait(60) for each in processes] == [0, 0]
    assert len(atomic_files.read_json(tmp_path / layout.RECORDED_HASHES)) == 40


def test_the_first_one_counts(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("first")
    recorded_hashes.record(tmp_path, "address", tmp_path / "file")
    first = recorded_hashes.recorded(tmp_path, "address")
    (tmp_path / "file").write_text("second")
    recorded_hashes.record(tmp_path, "address", tmp_path / "file")
    assert recorded_hashes.recorded(tmp_path, "address") == first
