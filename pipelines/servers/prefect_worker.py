"""The worker of `lockstep up`: waits for the servers, sets Prefect up, becomes Prefect's worker."""

import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx

from lockstep.errors import MachineError
from lockstep.process import console
from lockstep.process.exit_codes import exit_code
from pipelines.local import HEARTBEAT_SECONDS

POOL = "lockstep"
LIMIT = 2  # runs at once
START_LIMIT_SECONDS = 180
SILENCE_SECONDS = 3 * HEARTBEAT_SECONDS
AUTOMATION = "lockstep: runs whose heartbeats stop have crashed"


def main(tensorboard: str) -> None:
    """Wait for each server to be well, make the pool and the automation, and take runs."""
    prefect, mlflow = os.environ["PREFECT_API_URL"], os.environ["MLFLOW_TRACKING_URI"]
    for address in (f"{mlflow}/health", f"{prefect}/health", tensorboard):
        _wait_for(address)
    _make_pool()
    _watch_heartbeats(SILENCE_SECONDS)
    _end_dead_tracking()
    console.say("the servers are ready; deploy with: prefect deploy --all")
    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = str(HEARTBEAT_SECONDS)
    command = ["prefect", "worker", "start", "--pool", POOL, "--type", "process"]
    command += ["--limit", str(LIMIT), "--install-policy", "never"]
    os.execv(sys.executable, [sys.executable, "-m", *command])  # noqa: S606


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    problem = ""
    while time.monotonic() < deadline:
        try:
            httpx.get(address, timeout=10).raise_for_status()
            return
        except httpx.HTTPError as error:
            problem = str(error)
            time.sleep(0.2)
    raise MachineError(f"{address}: not well after {START_LIMIT_SECONDS} s: {problem}")


def _make_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
    with get_client(sync_client=True) as client:
        client.create_work_pool(pool, overwrite=True)


def _watch_heartbeats(seconds: int) -> None:
    """Let Prefect mark runs as crashed whose process has vanished; it does so for none by itself.

    An automation that is replaced forgets what it has seen, so one that is there stays.
    """
    from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import StateType

    ends = ("Completed", "Failed", "Cancelled", "Crashed")
    beat = "prefect.flow-run.heartbeat"
    trigger = EventTrigger(
        after={beat},
        expect={beat, *(f"prefect.flow-run.{name}" for name in ends)},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        # Other flows may beat at another pace.
        match_related={"prefect.resource.role": "flow", "prefect.resource.name": "experiment"},
        for_each={"prefect.resource.id"},
        posture=Posture.Proactive,
        within=timedelta(seconds=seconds),
    )
    message = f"no heartbeat for {seconds} s: its process was killed or its machine went down"
    action = ChangeFlowRunState(state=StateType.CRASHED, name="Crashed", message=message)
    with get_client(sync_client=True) as client:
        if not client.read_automations_by_name(AUTOMATION):
            client.create_automation(
                AutomationCore(name=AUTOMATION, trigger=trigger, actions=[action])
            )


def _end_dead_tracking() -> None:
    from lockstep.tracking import orphaned_runs
    from lockstep.tracking.client import connect

    orphaned_runs.end(*connect(Path.cwd()))


if __name__ == "__main__":
    with exit_code("lockstep up: worker") as outcome:
        main(sys.argv[1])
    sys.exit(outcome.code)
