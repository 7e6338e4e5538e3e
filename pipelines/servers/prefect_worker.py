"""A worker: waits for the servers, sets up Prefect, and becomes Prefect's worker."""

import argparse
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx

from lockstep.errors import MachineError
from lockstep.process import console, hash_seed, stopping
from lockstep.process.environment import python_module
from lockstep.process.exit_codes import exit_code
from lockstep.process.process_ids import process_name
from lockstep.process.runner import RUNNER
from lockstep.storage.checkout import main_checkout
from pipelines.local import HEARTBEAT_SECONDS, SILENCE_SECONDS
from pipelines.servers import running

POOL = "lockstep"
LIMIT = 2  # concurrent flow runs
START_LIMIT_SECONDS = 180
AUTOMATION = "lockstep: runs whose heartbeats stop have crashed"


def main(arguments: argparse.Namespace) -> None:
    """Wait for the servers, set them up if they are this checkout's own, and become the worker."""
    _wait_for(f"{os.environ['PREFECT_API_URL']}/health")
    if arguments.tensorboard:
        for address in (f"{os.environ['MLFLOW_TRACKING_URI']}/health", arguments.tensorboard):
            _wait_for(address)
        set_up()
        running.announce(main_checkout(Path.cwd()), os.environ[RUNNER], server_variables())
        console.say("the servers are ready; deploy with: prefect deploy --all")
    else:
        end_dead_runs()
    become_worker(arguments.pool, arguments.limit)


def set_up() -> None:
    """Create the work pool and the automation, and end the runs that killed processes left."""
    _make_pool()
    _watch_heartbeats(SILENCE_SECONDS)
    end_dead_runs()


def become_worker(pool: str = POOL, limit: int = LIMIT, *options: str) -> None:
    """Replace this process by Prefect's worker, with these options of `prefect worker start`.

    Beside it, a process ends in Prefect what dies on this machine without a word.
    """
    from pipelines.run_process import worker_name

    os.environ["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] = str(HEARTBEAT_SECONDS)
    os.environ[hash_seed.NAME] = hash_seed.FIXED  # its processes run stages
    watcher = python_module("pipelines.servers.dead_runs", process_name())
    subprocess.Popen(watcher, stdin=subprocess.DEVNULL)
    command = ["prefect", "worker", "start", "--pool", pool, "--type", "process"]
    command += ["--limit", str(limit), "--name", worker_name(), "--install-policy", "never"]
    os.execv(sys.executable, [sys.executable, "-m", *command, *options])  # noqa: S606


def server_variables() -> dict[str, str]:
    """Return the environment variables that name the servers."""
    return {name: os.environ[name] for name in ("PREFECT_API_URL", "MLFLOW_TRACKING_URI")}


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + START_LIMIT_SECONDS
    problem = ""
    while time.monotonic() < deadline:
        try:
            answer = httpx.get(address, timeout=10)
            if answer.status_code != httpx.codes.UNAUTHORIZED:  # of TensorBoard with a password
                answer.raise_for_status()
            return
        except httpx.HTTPError as error:
            problem = str(error)
            time.sleep(0.2)
    raise MachineError(f"{address}: not healthy after {START_LIMIT_SECONDS} s: {problem}")


def _make_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    pool = WorkPoolCreate(name=POOL, type=ProcessWorker.type, base_job_template=template)
    with get_client(sync_client=True) as client:
        client.create_work_pool(pool, overwrite=True)


def _watch_heartbeats(seconds: int) -> None:
    """Create an automation that marks runs without heartbeats as crashed; Prefect has no default.

    An existing automation is kept, since a new one would not know the heartbeats seen so far.
    """
    from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.objects import StateType

    final_states = ("Completed", "Failed", "Cancelled", "Crashed")
    heartbeat = "prefect.flow-run.heartbeat"
    trigger = EventTrigger(
        after={heartbeat},
        expect={heartbeat, *(f"prefect.flow-run.{name}" for name in final_states)},
        match={"prefect.resource.id": "prefect.flow-run.*"},
        # Other flows may send heartbeats at another interval.
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


def end_dead_runs() -> None:
    """End runs of this machine whose process was killed, in Prefect and in MLflow."""
    from lockstep.tracking import orphaned_runs
    from lockstep.tracking.client import connect
    from pipelines.servers import dead_runs

    dead_runs.end()
    orphaned_runs.end(*connect(Path.cwd()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pool", default=POOL)
    parser.add_argument("--limit", type=int, default=LIMIT)
    parser.add_argument("--tensorboard", metavar="ADDRESS", help="wait for it, and set up Prefect")
    return parser.parse_args()


if __name__ == "__main__":
    stopping.handle("worker")
    with exit_code("worker") as outcome:
        main(_arguments())
    sys.exit(outcome.code)
