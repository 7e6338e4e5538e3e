"""Runs whose process, worker or machine is killed in mid-epoch: marked as crashed, then resumed."""

import contextlib
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
        assert served.process.wait(60) == 137
        assert served.output.read_text().splitlines()[-1] == (
            "lockstep up: worker ended, so the others were stopped; its last lines say why"
        )
        until(lambda: not served.left(), 5)
        pauses.go_on(6)

    with started(root) as served:
        served.wait_for("the servers are ready")
        # It may not have told the server, which was being stopped too.
        until(lambda: flow_run(served, third)["state_type"] == "CRASHED", 400)
        retried = run(root, "prefect", "flow-run", "retry", third, **served.environment)
        assert retried.returncode == 0, retried.stdout
        assert resumed_from(served) == 5
        until(lambda: flow_run(served, third)["state_type"] == "COMPLETED", 120)
        expected = weights_alone(make_workspace, changes)
        assert saved_weights(served, flow_run(served, third)) == expected
        # The run that died with its worker is found only by its missing heartbeat.
        until(lambda: flow_run(served, second)["state_type"] == "CRASHED", 400)
        until(lambda: not any(slots(served)), 400)
        # The workspaces of the killed runs are removed too.
        assert git(root, "worktree", "list").count("\n") == 1
        (same,) = [each for each in tracked(served) if each.data.params["train.epochs"] == "7"]
        assert same.info.status == "FINISHED"
