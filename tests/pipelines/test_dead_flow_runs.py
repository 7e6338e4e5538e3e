"""Which flow runs of Prefect are taken for dead, or stopped, by the worker of a machine."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from lockstep.process.machine import machine_name
from lockstep.process.process_ids import process_name
from pipelines import run_process
from pipelines.servers import dead_runs
from tests.support.prefect_server import filtered
from tests.support.waiting import until

pytestmark = pytest.mark.system
HERE, ELSEWHERE = machine_name(), "another-0"
ENDED = "1-1"  # process 1 began at another time


@pytest.fixture(autouse=True)
def used(server: str) -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: server}):
        yield


def posted(server: str, path: str, content: Any) -> Any:
    answer = httpx.post(f"{server}/{path}", json=content, timeout=30)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def made(server: str, state: str, **labels: str) -> str:
    """A flow run in a state, with labels such as `machine`, `process` and `worker`."""
    names = {
        "machine": run_process.MACHINE,
        "process": run_process.PROCESS,
        "worker": run_process.WORKER_LABEL,
    }
    flow = posted(server, "flows/", {"name": "dead"})["id"]
    given = {names[name]: value for name, value in labels.items()}
    wanted = {"flow_id": flow, "state": {"type": state}, "labels": given}
    return str(posted(server, "flow_runs/", wanted)["id"])


def task_of(server: str, run: str) -> str:
    wanted = {"flow_run_id": run, "task_key": "t", "dynamic_key": "0", "state": {"type": "RUNNING"}}
    return str(posted(server, "task_runs/", wanted)["id"])


def send_heartbeat(server: str, run: str) -> None:
    resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
    event = {"id": str(uuid.uuid4()), "event": dead_runs.HEARTBEAT, "resource": resource}
    posted(server, "events", [{**event, "occurred": datetime.now(UTC).isoformat()}])


def state(server: str, kind: str, sought: str) -> str:
    (found,) = filtered(server, kind, {kind: {"id": {"any_": [sought]}}})
    return str(found["state_type"])


def test_only_runs_without_a_process_here_are_crashed(server: str) -> None:
    worker = run_process.worker_name()
    dead = {
        "killed": made(server, "RUNNING", machine=HERE, process=ENDED),
        "of this machine's worker": made(server, "RUNNING", worker=worker),
        "that its worker has just taken": made(server, "PENDING", worker=worker),
    }
    alive = {
        "with a process": made(server, "RUNNING", machine=HERE, process=process_name()),
        "of another machine": made(server, "RUNNING", machine=ELSEWHERE, process=ENDED),
        "of another machine's worker": made(server, "RUNNING", worker=f"lockstep@{ELSEWHERE}"),
        "of another worker": made(server, "RUNNING", worker="ProcessWorker 1"),
        # The labels are of the run's first process.
        "tried again elsewhere": made(server, "PENDING", machine=HERE, process=ENDED),
        "tried again by another worker": made(
            server, "RUNNING", machine=HERE, process=ENDED, worker=f"lockstep@{ELSEWHERE}"
        ),
        "scheduled": made(server, "SCHEDULED", worker=worker),
        "ended": made(server, "COMPLETED", machine=HERE, process=ENDED),
    }
    before = {name: state(server, "flow_runs", each) for name, each in alive.items()}
    tasks = {each: task_of(server, each) for each in (dead["killed"], alive["with a process"])}
    dead_runs.end()  # all of them have just begun
    assert {state(server, "flow_runs", each) for each in dead.values()} == {"RUNNING", "PENDING"}
    dead_runs.end(silence=0)
    assert {state(server, "flow_runs", each) for each in dead.values()} == {"CRASHED"}
    assert {name: state(server, "flow_runs", each) for name, each in alive.items()} == before
    assert [state(server, "task_runs", each) for each in tasks.values()] == ["CRASHED", "RUNNING"]


def test_a_run_that_sends_heartbeats_is_alive(server: str) -> None:
    same_name, began = made(server, "RUNNING", machine=HERE, process=ENDED), time.monotonic()
    time.sleep(3)
    send_heartbeat(server, same_name)
    resource = {"id": [f"prefect.flow-run.{same_name}"]}
    wanted = {"filter": {"event": {"name": [dead_runs.HEARTBEAT]}, "resource": resource}}
    until(lambda: posted(server, "events/filter", wanted)["events"], 30)
    dead_runs.end(silence=time.monotonic() - began - 1)  # the run is older, its heartbeat isn't
    assert state(server, "flow_runs", same_name) == "RUNNING"
    dead_runs.end(silence=0)
    assert state(server, "flow_runs", same_name) == "CRASHED"


def test_a_cancelled_run_is_stopped_if_its_worker_has_not_done_so(server: str) -> None:
    run = made(server, "CANCELLING", worker=run_process.worker_name())
    task = task_of(server, run)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = subprocess.Popen(command, env={run_process.FLOW_RUN_ID: run})
    try:
        dead_runs.end()  # its worker may still do so
        assert process.poll() is None
        dead_runs.end(patience=0)
        assert process.wait(30) < 0
    finally:
        process.kill()
    assert state(server, "flow_runs", run) == "CANCELLED"
    assert state(server, "task_runs", task) == "CANCELLED"
    gone = made(server, "CANCELLING", worker=run_process.worker_name())
    dead_runs.end(silence=0)
    assert state(server, "flow_runs", gone) == "CANCELLED"
