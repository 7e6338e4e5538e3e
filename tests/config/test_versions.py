"""The library versions that a result depends on: from the lock file, checked before a run."""

import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from lockstep.config.versions import LIBRARIES, check_versions, write_versions
from lockstep.errors import MachineError
from tests.support.workspaces import REPOSITORY, stage


def test_the_file_matches_the_lock_file(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "requirements.lock", tmp_path)
    write_versions(tmp_path)
    assert (tmp_path / "versions.txt").read_text() == (REPOSITORY / "versions.txt").read_text()


def test_the_file_matches_the_installed_versions() -> None:
    lines = (REPOSITORY / "versions.txt").read_text().splitlines()[1:]
    assert lines == [f"{name}=={version(name)}" for name in LIBRARIES]
    check_versions(REPOSITORY)


def test_another_version_is_reported_before_anything_runs(project: Path) -> None:
    text = (project / "versions.txt").read_text()
    (project / "versions.txt").write_text(text.replace("keras==", "keras==0."))
    with pytest.raises(MachineError, match=r"^versions.txt: keras [\d.]+ is installed, expected 0"):
        check_versions(project)
    ended = stage(project, "build", LOCKSTEP_FORBIDDEN="tensorflow,keras,numpy")
    assert (ended.returncode, ended.stdout.count("\n")) == (4, 1)


def test_without_the_file_any_version_is_accepted(tmp_path: Path) -> None:
    check_versions(tmp_path)
