"""Runs whose process was killed: MLflow would show them as running for ever."""

import os
import platform
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Experiment

PROCESS = "lockstep.process"


def mark() -> dict[str, str]:
    """Return the tag that tells this process from every other of this machine."""
    return {PROCESS: _name(os.getpid())}


def end(client: MlflowClient, experiment: Experiment) -> None:
    """End the runs of this machine that no process works on any more."""
    wanted = f"attributes.status = 'RUNNING' and tags.host = '{platform.node()}'"
    for run in client.search_runs([experiment.experiment_id], wanted):
        process = run.data.tags.get(PROCESS, "")
        if process and _name(int(process.partition("-")[0])) != process:
            client.set_terminated(run.info.run_id, "KILLED")


def _name(process: int) -> str:
    """A process id and when it started: ids are used again."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return f"{process}-{stat.rpartition(')')[2].split()[19]}"
