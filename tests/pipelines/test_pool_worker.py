"""`lockstep worker` of a pool: killed, and without the server for longer than Prefect waits."""

import json
import os
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from lockstep.process.process_ids import is_alive, process_name
from tests.support.ports import free_port
from tests.support.prefect_server import filtered
from tests.support.prefect_server import started as server_started
from tests.support.prefect_worker import pool_worker
from tests.support.served import FINAL, engine_of, started_by
from tests.support.trainings import Pauses
from tests.support.waiting import until
from tests.support.workspaces import SMALL, run

pytestmark = pytest.mark.system
DEAF = "Cancellation polling task failed"  # what Prefect's worker says once it hears of no cancel


def test_it_needs_a_server(make_workspace: Callable[..., Path]) -> None:
    ended = run(make_workspace(name="alone"), "lockstep", "worker", "--pool", "lockstep")
    assert (ended.returncode, ended.stdout) == (
        2, "lockstep worker: --pool lockstep: no Prefect server, expected the address of one in "
        "PREFECT_API_URL\n",
    )  # fmt: skip


def test_a_run_can_be_cancelled_after_an_outage_and_a_killed_worker_is_started_again(
    make_workspace: Callable[..., Path], tmp_path: Path
) -> None:
    root, port = make_workspace(SMALL, "outage", until="train"), free_port()
    pauses = Pauses(tmp_path / "pauses", 1)
    folder = tmp_path / "prefect"
    folder.mkdir()
    with ExitStack() as stack:
        with server_started(folder, port) as (server, _):
            made = run(root, "prefect", "work-pool", "create", "lockstep", "--type", "process",
                       PREFECT_API_URL=server)  # fmt: skip
            assert made.returncode == 0, made.stdout
            deployed = run(root, "prefect", "deploy", "--name", "manual", PREFECT_API_URL=server)
            assert deployed.returncode == 0, deployed.stdout
            output = stack.enter_context(pool_worker(root, server))
            sought = ask(root, server, pauses)
            pauses.wait(1, lambda: state_of(server, sought) in FINAL, output.read_text)
            engine = process_name(engine_of(sought))
        until(lambda: DEAF in output.read_text(), 200)
        with server_started(folder, port):
            cancelling = {"state": {"type": "CANCELLING"}}
            httpx.post(f"{server}/flow_runs/{sought}/set_state", json=cancelling, timeout=30)
            until(lambda: state_of(server, sought) == "CANCELLED", 150)
            assert not is_alive(engine)
            assert running_tasks(server, sought) == []

            again = Pauses(tmp_path / "more-pauses", 1)
            killed = ask(root, server, again)
            again.wait(1, lambda: state_of(server, killed) in FINAL, output.read_text)
            (worker,) = re.findall(r"worker started \(pid=(\d+)\)", output.read_text())
            os.kill(int(worker), signal.SIGKILL)
            until(lambda: "the worker was killed; its runs are stopped" in output.read_text(), 60)
            until(lambda: state_of(server, killed) == "CRASHED", 200)
            until(lambda: running_tasks(server, killed) == [], 60)
            until(lambda: len(re.findall("Worker '.*' started!", output.read_text())) == 2, 60)


def ask(root: Path, server: str, pauses: Pauses) -> str:
    """A run of experiment/manual that pauses in its training."""
    command = ["prefect", "deployment", "run", "experiment/manual", "--param"]
    overrides = json.dumps(pauses.changes())
    return started_by(run(root, *command, f"overrides={overrides}", PREFECT_API_URL=server))


def state_of(server: str, sought: str) -> str:
    try:
        found: dict[str, Any] = httpx.get(f"{server}/flow_runs/{sought}", timeout=30).json()
    except httpx.TransportError:
        return ""
    return str(found["state_type"])


def running_tasks(server: str, sought: str) -> list[str]:
    wanted = {
        "flow_runs": {"id": {"any_": [sought]}},
        "task_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
    }
    return [each["name"] for each in filtered(server, "task_runs", wanted)]
