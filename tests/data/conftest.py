"""A workspace for tests that only call the stages download and normalize."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, SMALL, change_params

CODE = ("dvc.yaml", "lockstep", "models", "pipelines", "presets", "tasks", "versions.txt")


@pytest.fixture(scope="session")
def make_linked(hermetic: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that makes a folder with links to the project's code.

    It has neither git nor DVC: a clone takes longer.
    """

    def make() -> Path:
        root = tmp_path_factory.mktemp("workspace") / "lockstep"
        root.mkdir()
        for name in CODE:
            (root / name).symlink_to(REPOSITORY / name)
        shutil.copyfile(REPOSITORY / "params.yaml", root / "params.yaml")
        change_params(root, SMALL)
        return root

    return make


@pytest.fixture
def workspace(make_linked: Callable[[], Path]) -> Path:
    """A folder with links to the project's code."""
    return make_linked()
