"""A real Prefect server for tests, and queries for its runs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.ports import free_port
from tests.support.trainings import Pauses
from tests.support.waiting import SLOWEST
from tests.support.workspaces import run

START = ("prefect", "server", "start")
OURS = (sys.executable, "-m", "pipelines.servers.prefect_server")  # as `make up` starts it


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prefect server with a temporary database; yields its API's address."""
    with started(tmp_path_factory.mktemp("prefect")) as (address, _):
        yield address


@contextmanager
def started(
    folder: Path, port: int | None = None, start: Sequence[str] = START, **variables: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server with its database in a folder; yields its API's address and its process."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}/api"
    command = [*start, "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PREFECT_HOME": str(folder), **variables}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        deadline = time.monotonic() + SLOWEST * 60
        while not healthy(address):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.3)
        yield address, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def healthy(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def lockstep(root: Path, server: str, *arguments: str) -> str:
    ended = run(root, "lockstep", "run", *arguments, PREFECT_API_URL=server)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def task_runs(server: str, output: str) -> dict[str, dict[str, Any]]:
    """The task runs, by name, of the flow run that a command's output names."""
    (flow,) = re.findall(r"/flow-run/([\w-]+)", output)
    found = filtered(server, "task_runs", {"flow_runs": {"id": {"any_": [flow]}}})
    return {each["name"]: each for each in found}


def filtered(server: str, kind: str, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    answer = httpx.post(f"{server}/{kind}/filter", json=wanted, timeout=30)
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


def states(server: str, output: str) -> dict[str, str]:
    return {name: each["state_name"] for name, each in task_runs(server, output).items()}


def runs_of(root: Path) -> list[Any]:
    """The MLflow runs in a checkout's local store."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{root / 'mlflow.db'}")
    return list(client.search_runs([client.get_experiment_by_name("lockstep").experiment_id]))


def start_paused(root: Path, server: str, pauses: Pauses, *arguments: str) -> subprocess.Popen[str]:
    """Start a run, and return once its training is paused for the first time."""
    process = subprocess.Popen(
        ["lockstep", "run", *arguments],
        cwd=root,
        env={**os.environ, "PREFECT_API_URL": server},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    pauses.wait_in(process, pauses.epochs[0])
    return process
