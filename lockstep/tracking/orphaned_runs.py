"""End MLflow runs whose process was killed; MLflow would show them as running forever."""

import platform

from mlflow import MlflowClient
from mlflow.entities import Experiment

from lockstep.process.process_ids import is_alive, process_name
from lockstep.tracking.run_tags import HOST, PROCESS


def process_tag() -> dict[str, str]:
    """Return the tag that identifies this process on this machine."""
    return {PROCESS: process_name()}


def end(client: MlflowClient, experiment: Experiment) -> None:
    """Set this machine's running runs to KILLED if their process has ended."""
    wanted = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{platform.node()}'"
    for run in client.search_runs([experiment.experiment_id], wanted):
        process = run.data.tags.get(PROCESS, "")
        if process and not is_alive(process):
            client.set_terminated(run.info.run_id, "KILLED")
