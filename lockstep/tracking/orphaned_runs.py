"""End MLflow runs whose process was killed; MLflow would show them as running forever."""

import platform

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run

from lockstep.process.process_ids import is_alive, process_name
from lockstep.tracking.run_tags import HOST, PROCESS


def process_tag() -> dict[str, str]:
    """Return the tag that identifies this process on this machine."""
    return {PROCESS: process_name()}


def end(client: MlflowClient, experiment: Experiment) -> None:
    """Set this machine's running runs to KILLED if their process has ended."""
    for run in find(client, experiment):
        client.set_terminated(run.info.run_id, "KILLED")


def find(client: MlflowClient, experiment: Experiment) -> list[Run]:
    """Return this machine's running runs whose process has ended."""
    wanted = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{platform.node()}'"
    running = client.search_runs([experiment.experiment_id], wanted)
    named = ((run, run.data.tags.get(PROCESS, "")) for run in running)
    return [run for run, process in named if process and not is_alive(process)]
