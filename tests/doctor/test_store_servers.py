"""`lockstep doctor`'s lines on MLflow's and Prefect's servers, in good and in bad states."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.doctor import stores
from lockstep.tracking import reachable
from pipelines.servers import team
from tests.support import prefect_server
from tests.support.dvc_remotes import SECRET
from tests.support.mlflow_server import MlflowServer
from tests.support.ports import free_port
from tests.support.workspaces import run

pytestmark = pytest.mark.system
PASSWORD = "correct horse staple"


def test_mlflow(root: Path, tmp_path: Path, variables: Callable[[dict[str, str]], None]) -> None:
    login = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
    variables({**login, "PREFECT_SERVER_API_AUTH_STRING": "unused"})
    variables(team.settings(tmp_path))
    server = MlflowServer(f"sqlite:///{tmp_path}/mlflow.db", tmp_path)
    server.command += ["--app-name", "basic-auth"]
    variables({"MLFLOW_TRACKING_URI": server.address})
    name = f"MLflow {server.address}"
    try:
        server.start()
        assert stores.lines(root) == [f"{name}: works"]
        variables({"MLFLOW_TRACKING_PASSWORD": "another"})
        assert stores.lines(root) == [f"{name}: it refuses the password; {reachable.LOGIN}"]
    finally:
        server.end()
    assert stores.lines(root) == [f"{name}: doesn't answer; {reachable.START}"]


def test_a_database_of_mlflow(root: Path, variables: Callable[[dict[str, str]], None]) -> None:
    port = free_port()
    variables({"MLFLOW_TRACKING_URI": f"postgresql://me:{SECRET}@127.0.0.1:{port}/db"})
    (refused,) = stores.lines(root)
    assert refused.startswith(f"MLflow postgresql://127.0.0.1:{port}/db: connection to server at")
    assert SECRET not in refused
    variables({"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"})
    assert stores.lines(root) == []


def test_prefect_by_the_command(
    root: Path, tmp_path: Path, variables: Callable[[dict[str, str]], None]
) -> None:
    variables({"PREFECT_SERVER_API_AUTH_STRING": f"admin:{PASSWORD}"})
    with prefect_server.started(tmp_path) as (address, _):
        variables({"PREFECT_API_URL": address})
        ended = run(root, "lockstep", "doctor", CUDA_VISIBLE_DEVICES="")
        assert ended.returncode == 0
        assert ended.stdout.splitlines()[3:] == [
            f"Prefect {address}: it refuses the password; set PREFECT_API_AUTH_STRING=USER:PASSWORD"
        ]
        login = {"PREFECT_API_AUTH_STRING": os.environ["PREFECT_SERVER_API_AUTH_STRING"]}
        ended = run(root, "lockstep", "doctor", CUDA_VISIBLE_DEVICES="", **login)
        assert ended.stdout.splitlines()[3:] == [f"Prefect {address}: works"]
    ended = run(root, "lockstep", "doctor", "--json", CUDA_VISIBLE_DEVICES="")
    (down,) = json.loads(ended.stdout)["stores"]
    assert down.startswith(f"Prefect {address}: [Errno 111] Connection refused; start it")
