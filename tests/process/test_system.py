"""What a machine lacks that each command needs is one line, with exit code 4."""

import sys
from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, run


@pytest.mark.parametrize("command", [("lockstep", "plan"), ("tasks", "download")])
def test_no_git(tmp_path: Path, command: tuple[str, str]) -> None:
    ended = run(
        REPOSITORY, sys.executable, "-m", *command, PATH=str(tmp_path), PYTHONPATH=str(REPOSITORY)
    )
    (line,) = ended.stdout.splitlines()
    assert line.endswith("git: not found in PATH, expected the program; install the package git")
    assert ended.returncode == 4
