"""The commands that the lock file installs start, so that a wrong pin fails here first."""

from pathlib import Path

import pytest

from tests.support.workspaces import run

SERVERS = """
# FastAPI above 0.151 fails here: Body() got an unexpected keyword argument 'min_items'
from prefect.server.api.server import create_app
create_app()
from mlflow.server.fastapi_app import create_fastapi_app
create_fastapi_app()
from prefect.cli import app
from mlflow.cli import cli
"""


@pytest.mark.parametrize("command", ["dvc", "lockstep"])
def test_a_command_starts(tmp_path: Path, command: str) -> None:
    ended = run(tmp_path, command, "--version")
    assert ended.returncode == 0, ended.stdout


@pytest.mark.system
def test_the_servers_can_be_created(tmp_path: Path) -> None:
    ended = run(tmp_path, "python", "-W", "ignore", "-c", SERVERS)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.system
def test_tensorflow_comes_without_what_no_stage_uses(tmp_path: Path) -> None:
    lines = (
        "import sys",
        "from lockstep.runtime.tensorflow_import import HEAVY, load_tensorflow",
        "load_tensorflow()",
        "import tensorflow",
        "assert not HEAVY & set(sys.modules)",
        "import keras",
        "from keras.wrappers import SKLearnClassifier",
        "assert 'sklearn' in sys.modules",
        "assert keras.visualization.plot_image_gallery",
        "import matplotlib, sklearn",
    )
    ended = run(tmp_path, "python", "-c", "\n".join(lines))
    assert ended.returncode == 0, ended.stdout
