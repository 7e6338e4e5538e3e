"""Which process of which machine executes a flow run, in the run's labels in Prefect."""

from contextlib import suppress
from typing import Any

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run

from lockstep.process.by_environment import processes_with
from lockstep.process.machine import machine_name
from lockstep.process.process_ids import is_alive, process_name
from pipelines.servers import temporary_server

MACHINE, PROCESS = "lockstep.machine", "lockstep.process"
WORKER = "lockstep@"  # the name of a worker of ours is this and its machine's name
WORKER_LABEL, FLOW_RUN_ID = "prefect.worker.name", "PREFECT__FLOW_RUN_ID"


def record() -> None:
    """Label this flow run with this process; a temporary server's runs end with it."""
    if temporary_server.is_started():
        return
    with suppress(Exception), get_client(sync_client=True) as client:
        labels = {MACHINE: machine_name(), PROCESS: process_name()}
        client.update_flow_run_labels(flow_run.id, labels)


def worker_name() -> str:
    """Return the name of a worker on this machine, which Prefect gives its runs as a label."""
    return f"{WORKER}{machine_name()}"


def is_here(run: Any) -> bool:
    """Return whether a flow run is executed by a worker or a process of this machine.

    A pending run that is tried again may still have the labels of the process before.
    """
    by_worker = str(run.labels.get(WORKER_LABEL, ""))
    if by_worker.startswith(WORKER):
        return by_worker == worker_name()
    return not run.state.is_pending() and run.labels.get(MACHINE) == machine_name()


def has_process(run: Any) -> bool:
    """Return whether a process of this machine executes a flow run."""
    return is_alive(str(run.labels.get(PROCESS) or "0-0")) or bool(processes_of(run))


def processes_of(run: Any) -> list[int]:
    """Return the processes that a worker of this machine has started for a flow run."""
    return processes_with(f"{FLOW_RUN_ID}={run.id}")
