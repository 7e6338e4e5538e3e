"""What the lock file installs starts: a wrong pin fails here, not at a user's."""

from pathlib import Path

import pytest

from tests.conftest import run


@pytest.mark.parametrize(
    "command",
    [
        ("dvc", "--version"),
        ("mlflow", "--version"),
        ("prefect", "--version"),
        ("tensorboard", "--version"),
        ("lockstep", "--help"),
    ],
    ids=lambda command: command[0],
)
def test_a_command_starts(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = run(tmp_path, *command)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    "code",
    [
        # FastAPI above 0.151 fails here: Body() got an unexpected keyword argument 'min_items'
        "from prefect.server.api.server import create_app; create_app()",
        "from mlflow.server.fastapi_app import create_fastapi_app; create_fastapi_app()",
        "from tensorboard import program; program.TensorBoard()",
    ],
    ids=["prefect", "mlflow", "tensorboard"],
)
def test_a_server_can_be_made(tmp_path: Path, code: str) -> None:
    ended = run(tmp_path, "python", "-W", "ignore", "-c", code)
    assert ended.returncode == 0, ended.stdout
