"""End MLflow runs whose process was killed; MLflow would show them as running forever."""

import platform

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run

from lockstep.process.machine import machine_name
from lockstep.process.process_ids import is_alive, process_name
from lockstep.tracking.run_tags import HOST, MACHINE, PROCESS


def process_tags() -> dict[str, str]:
    """Return the tags that identify this process and its machine."""
    return {PROCESS: process_name(), MACHINE: machine_name()}


def end(client: MlflowClient, experiment: Experiment) -> None:
    """Set this machine's running runs to KILLED if their process has ended."""
    for run in find(client, experiment):
        client.set_terminated(run.info.run_id, "KILLED")


def find(client: MlflowClient, experiment: Experiment) -> list[Run]:
    """Return this machine's running runs whose process has ended."""
    wanted = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{platform.node()}'"
    return [run for run in client.search_runs([experiment.experiment_id], wanted) if has_ended(run)]


def has_ended(run: Run) -> bool:
    """Return whether the process of a run was one of this machine, and has ended."""
    process, here = run.data.tags.get(PROCESS, ""), machine_name()
    # Another machine may have the same host name; runs of an earlier Lockstep lack the tag.
    return bool(process) and run.data.tags.get(MACHINE, here) == here and not is_alive(process)
