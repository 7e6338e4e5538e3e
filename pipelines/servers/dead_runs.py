"""End in Prefect what has ended on this machine without a word, as after a power loss.

Prefect's server doesn't notice runs that died while it was down: it forgets which heartbeats it
waits for. As a program this goes on for as long as the worker that has started it.
"""

import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.events.filters import (
    EventFilter,
    EventNameFilter,
    EventOccurredFilter,
    EventResourceFilter,
)
from prefect.exceptions import PrefectException
from prefect.states import Cancelled, Crashed

from lockstep.process import by_environment, console
from lockstep.process.runner import end_with
from pipelines import run_process
from pipelines.local import SILENCE_SECONDS

HEARTBEAT = "prefect.flow-run.heartbeat"
EVERY_SECONDS = 20
CANCEL_SECONDS = 60  # a worker that hears of it needs 30 at most
UNFINISHED = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
LEFT = "no process of it is left: it was killed, or its machine went down; retry it to resume it"
LATE = "stopped without its worker, which didn't hear of it"


def end(silence: float = SILENCE_SECONDS, patience: float = CANCEL_SECONDS) -> None:
    """Set this machine's flow runs that have no process Crashed, and their task runs.

    They are left alone for `silence` seconds after a heartbeat: another machine of the same name
    may execute them. Runs that were cancelled `patience` seconds ago are stopped: a worker that was
    without the server for half a minute doesn't hear of it any more.
    """
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(flow_run_filter=_in_states(UNFINISHED)):
            if run.state and run_process.is_here(run):
                cancelled = run.state.type == StateType.CANCELLING
                if not run_process.has_process(run):
                    if _is_silent(client, run, timedelta(seconds=silence)):
                        _set(client, run, (Cancelled if cancelled else Crashed)(message=LEFT))
                elif cancelled and _age(run) > timedelta(seconds=patience):
                    by_environment.stop(partial(run_process.processes_of, run))
                    _set(client, run, Cancelled(message=LATE))
        _end_tasks(client)


def _is_silent(client: SyncPrefectClient, run: FlowRun, silence: timedelta) -> bool:
    if _age(run) < silence:
        return False
    heartbeats = EventFilter(
        event=EventNameFilter(name=[HEARTBEAT]),
        resource=EventResourceFilter(id=[f"prefect.flow-run.{run.id}"]),
        occurred=EventOccurredFilter(since=datetime.now(UTC) - silence),
    )
    return not client.read_events(heartbeats, limit=1).events


def _set(client: SyncPrefectClient, run: FlowRun, state: Any) -> None:
    client.set_flow_run_state(run.id, state)
    console.say(f"flow run {run.name}: {state.name}: {state.message}")


def _end_tasks(client: SyncPrefectClient) -> None:
    """Set the unfinished task runs of crashed and cancelled flow runs to the same state."""
    unfinished = TaskRunFilterStateType(any_=[StateType.PENDING, StateType.RUNNING])
    tasks = TaskRunFilter(state=TaskRunFilterState(type=unfinished))
    for state in (Crashed, Cancelled):
        message = f"its flow run is {state.__name__.lower()}"
        runs = _in_states([StateType[state.__name__.upper()]])
        for task in client.read_task_runs(flow_run_filter=runs, task_run_filter=tasks):
            client.set_task_run_state(task.id, state(message=message), force=True)


def _in_states(types: list[StateType]) -> FlowRunFilter:
    return FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=types)))


def _age(run: FlowRun) -> timedelta:
    """Return how long a run has been in its state."""
    state: Any = run.state
    found: timedelta = datetime.now(UTC) - state.timestamp
    return found


def _watch(worker: str) -> None:
    # By its name: a worker that was killed in the meantime is the parent no longer.
    end_with(worker)
    while True:
        time.sleep(EVERY_SECONDS)
        with suppress(httpx.HTTPError, PrefectException):  # the server is away
            end()


if __name__ == "__main__":
    _watch(sys.argv[1])
