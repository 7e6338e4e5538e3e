"""A workspace for tests that only call the stages download and normalize."""

import shutil
from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, SMALL, change_params

CODE = ("dvc.yaml", "lockstep", "models", "presets", "tasks", "versions.txt")


@pytest.fixture
def workspace(hermetic: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with links to the project's code, without git and DVC: a clone takes longer."""
    root = tmp_path_factory.mktemp("workspace") / "lockstep"
    root.mkdir()
    for name in CODE:
        (root / name).symlink_to(REPOSITORY / name)
    shutil.copyfile(REPOSITORY / "params.yaml", root / "params.yaml")
    change_params(root, SMALL)
    return root
