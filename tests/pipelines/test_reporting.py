"""A run's logs, progress and result in Prefect, and the link to the flow run in MLflow."""

import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.storage.atomic_files import read_json
from tests.support.ports import free_port
from tests.support.prefect_server import (
    filtered,
    lockstep,
    runs_of,
    start_paused,
    started,
    task_runs,
)
from tests.support.trainings import Pauses
from tests.support.waiting import LONG
from tests.support.workspaces import SMALL, run

pytestmark = pytest.mark.system
OF_A_THREAD = """
from threading import Thread
from prefect import flow, task
from lockstep.process import console
from pipelines import reporting

@task
def stage():
    with reporting.forwarded("train"):
        thread = Thread(target=console.say, args=["said"])
        thread.start()
        thread.join()

@flow
def experiment():
    stage()

experiment()
"""


@pytest.fixture(scope="module")
def ran(make_workspace: Callable[..., Path], server: str) -> tuple[Path, str]:
    root = make_workspace(SMALL, "seen")
    return root, lockstep(root, server)


def flow_of(server: str, output: str) -> dict[str, Any]:
    (found,) = re.findall(r"/flow-run/([\w-]+)", output)
    return filtered(server, "flow_runs", {"flow_runs": {"id": {"any_": [found]}}})[0]


def artifacts(server: str, output: str) -> dict[str, dict[str, Any]]:
    flow = flow_of(server, output)
    found = filtered(server, "artifacts", {"flow_runs": {"id": {"any_": [flow["id"]]}}})
    return {each["key"]: each for each in found}


def test_the_lines_of_a_stage_are_its_logs(ran: tuple[Path, str], server: str) -> None:
    task = task_runs(server, ran[1])["train"]
    logs = filtered(server, "logs", {"logs": {"task_run_id": {"any_": [task["id"]]}}})
    epochs = [each["message"][:9] for each in logs if each["message"].startswith("epoch ")]
    assert epochs == ["epoch 1/2", "epoch 2/2"]
    assert sum(line.startswith("epoch 1/2") for line in ran[1].splitlines()) == 1


def test_a_line_of_a_thread_is_among_the_logs_of_its_stage(
    ran: tuple[Path, str], server: str
) -> None:
    ended = run(ran[0], "python", "-c", OF_A_THREAD, PREFECT_API_URL=server)
    assert ended.returncode == 0, ended.stdout
    assert "Warning" not in ended.stdout
    logs = filtered(server, "logs", {"sort": "TIMESTAMP_DESC", "limit": 20})
    assert [each["task_run_id"] is None for each in logs if each["message"] == "said"] == [False]


def test_the_progress_of_training_ends_at_100_percent(ran: tuple[Path, str], server: str) -> None:
    progress = artifacts(server, ran[1])["train"]
    assert (progress["type"], progress["data"]) == ("progress", 100.0)
    assert progress["task_run_id"] == task_runs(server, ran[1])["train"]["id"]


def test_the_result_is_an_artifact_of_the_flow_run(ran: tuple[Path, str], server: str) -> None:
    root, output = ran
    page = artifacts(server, output)["experiment"]["data"]
    (tracked,) = runs_of(root)
    metrics = read_json(root / "report" / "metrics.json")["test"]
    assert f"| accuracy | {metrics['accuracy']} |" in page
    assert f"MLflow run: {tracked.info.run_id}" in page
    assert "The last of 2 epochs" in page


def test_the_mlflow_run_links_to_the_flow_run(ran: tuple[Path, str], server: str) -> None:
    (tracked,) = runs_of(ran[0])
    flow = flow_of(server, ran[1])
    assert tracked.data.tags["prefect.flow_run"] == flow["id"]
    assert tracked.data.tags["prefect.flow_run_url"].endswith(flow["id"])


def test_a_run_with_nothing_to_do_leaves_no_artifact(ran: tuple[Path, str], server: str) -> None:
    assert artifacts(server, lockstep(ran[0], server)) == {}


@pytest.fixture
def pauses(tmp_path: Path) -> Pauses:
    return Pauses(tmp_path / "pauses", 2)


def test_a_run_whose_server_is_gone_for_good_is_complete(
    make_workspace: Callable[..., Path],
    tmp_path: Path,
    pauses: Pauses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "1")
    changes = {**SMALL, **pauses.changes(), "train.epochs": 4}
    root = make_workspace(changes, "gone", until="train")
    with started(tmp_path) as (address, server):
        process = start_paused(root, address, pauses)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        pauses.go_on(2)
        rest, _ = process.communicate(timeout=LONG)
    assert process.returncode == 0, rest
    assert "the run is complete without it" in rest
    assert "up to date" in run(root, "dvc", "status").stdout
    assert [each.info.status for each in runs_of(root)] == ["FINISHED"]


def test_a_run_outlives_a_server_that_is_away_for_half_a_minute(
    make_workspace: Callable[..., Path], tmp_path: Path, pauses: Pauses
) -> None:
    changes = {**SMALL, **pauses.changes(), "train.epochs": 4}
    root = make_workspace(changes, "away", until="train")
    port = free_port()
    with started(tmp_path, port) as (address, server):
        process = start_paused(root, address, pauses)
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    pauses.go_on(2)
    time.sleep(30)  # training ends meanwhile; its state is sent once the server is back
    with started(tmp_path, port) as (address, _):
        rest, _ = process.communicate(timeout=LONG)
        assert process.returncode == 0, rest
        (flow,) = filtered(address, "flow_runs", {})
        assert flow["state_type"] == "COMPLETED"
