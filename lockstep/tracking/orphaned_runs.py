"""End MLflow runs whose process was killed; MLflow would show them as running forever."""

import platform

from mlflow import MlflowClient
from mlflow.entities import Experiment

from lockstep.process.machine import machine_name
from lockstep.process.process_ids import is_alive, process_name
from lockstep.tracking.run_tags import HOST, MACHINE, PROCESS


def process_tags() -> dict[str, str]:
    """Return the tags that identify this process and its machine."""
    return {PROCESS: process_name(), MACHINE: machine_name()}


def end(client: MlflowClient, experiment: Experiment) -> None:
    """Set this machine's running runs to KILLED if their process has ended."""
    wanted = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{platform.node()}'"
    for run in client.search_runs([experiment.experiment_id], wanted):
        process, here = run.data.tags.get(PROCESS, ""), machine_name()
        # Another machine may have the same host name; runs of an earlier Lockstep lack the tag.
        if process and run.data.tags.get(MACHINE, here) == here and not is_alive(process):
            client.set_terminated(run.info.run_id, "KILLED")
