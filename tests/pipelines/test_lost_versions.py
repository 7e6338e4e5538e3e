"""A version that the registry has lost is registered again by `lockstep run`, and this is said."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from lockstep.tracking.client import connect
from tests.support.mlflow_server import mlflow_server
from tests.support.ports import free_port
from tests.support.workspaces import run

pytestmark = pytest.mark.system
CHANGES = {"model.name": "linear", "train.epochs": 1, "register.threshold": None}
AGAIN = ", and registered again, since the registry had lost the version\n"
NOTHING = "all stages are up to date: nothing to do\n"


@pytest.fixture(scope="module")
def root(make_workspace: Callable[..., Path]) -> Path:
    made: Path = make_workspace(CHANGES, "lost")
    assert run(made, "lockstep", "run").returncode == 0
    return made


@pytest.fixture
def lock(root: Path) -> Iterator[None]:
    """dvc.lock stays as it is."""
    before = (root / "dvc.lock").read_bytes()
    yield
    assert (root / "dvc.lock").read_bytes() == before
    assert "up to date" in run(root, "dvc", "status").stdout


def leader(client: MlflowClient) -> str:
    return str(client.get_model_version_by_alias("digits", "champion").version)


def run_again(root: Path, **environment: str) -> None:
    ended = run(root, "lockstep", "run", LOCKSTEP_FORBIDDEN="", **environment)
    assert ended.returncode == 0, ended.stdout
    assert f"register: up to date{AGAIN}" in ended.stdout


def test_nothing_is_done_where_it_is_there(root: Path, lock: None) -> None:
    ended = run(root, "lockstep", "run", LOCKSTEP_FORBIDDEN="tensorflow,mlflow,uvicorn")
    assert (ended.returncode, ended.stdout) == (0, NOTHING)


def test_a_deleted_version_is_made_again(root: Path, lock: None) -> None:
    client = connect(root)[0]
    client.delete_model_version("digits", leader(client))
    run_again(root)
    assert leader(client) == "2"
    assert run(root, "lockstep", "run").stdout == NOTHING


def test_a_restored_version_is_made_again(root: Path) -> None:
    client = connect(root)[0]
    before = (root / "dvc.lock").read_text()
    client.delete_model_version("digits", leader(client))
    (root / "dvc.lock").unlink()
    ended = run(root, "lockstep", "run")
    assert ended.returncode == 0, ended.stdout
    assert f"register: restored{AGAIN}" in ended.stdout
    assert (root / "dvc.lock").read_text() == before


def test_a_new_database_gets_it(root: Path, lock: None, tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/own.db"  # a colleague's own
    run_again(root, MLFLOW_TRACKING_URI=address)
    own = MlflowClient(address)
    assert leader(own) == "1"
    (made,) = own.search_runs(["1"])
    assert (made.info.status, "test_accuracy" in made.data.metrics) == ("FINISHED", True)


def test_an_emptied_server_gets_it(root: Path, lock: None, tmp_path: Path) -> None:
    with mlflow_server(f"sqlite:///{tmp_path}/server.db", tmp_path) as address:
        run_again(root, MLFLOW_TRACKING_URI=address)
        assert leader(MlflowClient(address)) == "1"


def test_a_registry_out_of_reach_is_told(root: Path, lock: None) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    away = {"MLFLOW_TRACKING_URI": nobody, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    ended = run(root, "lockstep", "run", **away)
    line = (
        "register: whether the version is there isn't known: the MLflow registry: "
        f"{nobody} doesn't answer; start it"
    )
    assert (ended.returncode, ended.stdout.splitlines()) == (0, [line, NOTHING.strip()])
    assert "MLFLOW_TRACKING_URI" not in os.environ
