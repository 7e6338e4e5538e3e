"""Runs whose process, worker or machine is killed in mid-epoch: marked as crashed, then resumed."""

import contextlib
import os
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from lockstep.process.machine import machine_name
from lockstep.process.process_ids import process_name
from pipelines import run_process
from pipelines.servers.dead_runs import EVERY_SECONDS, LEFT
from tests.support.prefect_server import filtered
from tests.support.served import (  # fmt: skip
    Served,
    ask,
    deploy,
    ended,
    engine_of,
    flow_run,
    paused,
    saved_weights,
    started,
    tracked,
    weights_alone,
)
from tests.support.trainings import Pauses
from tests.support.waiting import until
from tests.support.workspaces import SMALL, git, run

pytestmark = pytest.mark.system


def resumed_from(served: Served) -> int:
    """The epoch from which the last run has resumed."""
    served.wait_for("goes on after epoch")
    return int(re.findall(r"goes on after epoch (\d+)", served.output.read_text())[-1])


def kill(*processes: int) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def slots(served: Served) -> list[int]:
    """The number of occupied slots of each concurrency limit."""
    return [each["active_slots"] for each in filtered(served.prefect, "v2/concurrency_limits", {})]


def test_a_killed_run_resumes_to_the_bits_of_an_undisturbed_one(
    make_workspace: Callable[..., Path], tensorflow: Any, tmp_path: Path
) -> None:
    pauses = Pauses(tmp_path / "pauses", 2, 4, 6)
    changes = {**pauses.changes(), "train.epochs": 7, "seed": 7}
    root = make_workspace(SMALL, "dead", until="train")

    with started(root) as served:  # the flow's process is killed, later all processes
        deploy(served)
        first = ask(served, "nightly", changes)
        paused(served, first, pauses, 2)
        kill(engine_of(first))
        assert ended(served, first)["state_type"] == "CRASHED"
        pauses.go_on(2)
        served.wait_for("flow_runs.worker - Check whether")  # it says so twice
        # The limit is one run: another would be cancelled if the dead one held its slot.
        second = ask(served, "nightly", changes)
        assert resumed_from(served) == 1
        paused(served, second, pauses, 4)
        while left := served.left():
            kill(*map(int, left))
        served.process.wait()
        pauses.go_on(4)

    with started(root) as served:  # the worker is killed
        served.wait_for("the servers are ready")
        third = ask(served, "manual", changes)
        assert resumed_from(served) == 3
        paused(served, third, pauses, 6)
        (worker,) = re.findall(r"worker started \(pid=(\d+)\)", served.output.read_text())
        kill(int(worker))
        served.wait_for("the worker was killed; its runs are stopped, and it is started again")
        pauses.go_on(6)
        until(lambda: served.output.read_text().count("the servers are ready") == 2, 240)
        until(lambda: flow_run(served, third)["state_type"] == "CRASHED", 400)
        assert served.process.poll() is None
        retried = run(root, "prefect", "flow-run", "retry", third, **served.environment)
        assert retried.returncode == 0, retried.stdout
        until(lambda: resumed_from(served) == 5, 240)
        until(lambda: flow_run(served, third)["state_type"] == "COMPLETED", 120)
        expected = weights_alone(make_workspace, changes)
        assert saved_weights(served, flow_run(served, third)) == expected
        # The run that died with its worker has no process, and sends no heartbeats.
        until(lambda: flow_run(served, second)["state_type"] == "CRASHED", 400)
        until(lambda: not any(slots(served)), 400)
        for each in (first, second):
            until(lambda sought=each: running_tasks(served, sought) == [], 120)
        # The workspaces of the killed runs are removed too.
        assert git(root, "worktree", "list").count("\n") == 1
        (same,) = [each for each in tracked(served) if each.data.params["train.epochs"] == "7"]
        assert same.info.status == "FINISHED"


def test_runs_that_died_with_the_server_are_crashed_and_live_ones_are_not(
    make_workspace: Callable[..., Path], tmp_path: Path
) -> None:
    pauses = Pauses(tmp_path / "pauses", 1)
    root = make_workspace(SMALL, "power", until="train")
    with started(root) as served:
        deploy(served)
        dead = ask(served, "manual", {**pauses.changes(), "seed": 7})
        paused(served, dead, pauses, 1)
        until(lambda: running_tasks(served, dead) == ["train"], 60)
        live = {
            "of this machine": made(served, machine_name(), process_name()),
            "of another machine": made(served, "another-0", "1-1"),
        }
        while left := served.left():
            kill(*map(int, left))
        served.process.wait()
    time.sleep(180)  # long enough for Prefect's server to forget the heartbeats it waits for
    with started(root) as served:
        served.wait_for("the servers are ready")
        found = flow_run(served, dead)
        assert (found["state_type"], found["state"]["message"]) == ("CRASHED", LEFT)
        assert running_tasks(served, dead) == []
        time.sleep(2 * EVERY_SECONDS)  # it goes on looking
        for each in live.values():
            assert flow_run(served, each)["state_type"] == "RUNNING"


def made(served: Served, machine: str, process: str) -> str:
    """A flow run that is in the state Running, of a process of some machine."""
    (flow,) = filtered(served.prefect, "flows", {"flows": {"name": {"any_": ["experiment"]}}})
    labels = {run_process.MACHINE: machine, run_process.PROCESS: process}
    wanted = {"flow_id": flow["id"], "state": {"type": "RUNNING"}, "labels": labels}
    answer = httpx.post(f"{served.prefect}/flow_runs/", json=wanted, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["id"])


def running_tasks(served: Served, sought: str) -> list[str]:
    """The names of a flow run's task runs that Prefect shows as running."""
    wanted = {
        "flow_runs": {"id": {"any_": [sought]}},
        "task_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
    }
    return [each["name"] for each in filtered(served.prefect, "task_runs", wanted)]
