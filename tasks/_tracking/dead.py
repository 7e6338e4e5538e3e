"""Runs whose process was killed: MLflow would show them as running for ever."""

import platform

from mlflow import MlflowClient
from mlflow.entities import Experiment

from tasks import _process

PROCESS = "lockstep.process"


def mark() -> dict[str, str]:
    """Return the tag that tells this process from every other of this machine."""
    return {PROCESS: _process.name()}


def end(client: MlflowClient, experiment: Experiment) -> None:
    """End the runs of this machine that no process works on any more."""
    wanted = f"attributes.status = 'RUNNING' and tags.host = '{platform.node()}'"
    for run in client.search_runs([experiment.experiment_id], wanted):
        process = run.data.tags.get(PROCESS, "")
        if process and not _process.lives(process):
            client.set_terminated(run.info.run_id, "KILLED")
