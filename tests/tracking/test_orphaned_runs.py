"""MLflow runs of processes that have ended are ended, by a database and by a server."""

import platform
from pathlib import Path
from typing import Any

import pytest

from lockstep.process.machine import machine_name
from lockstep.process.process_ids import process_name
from lockstep.tracking import database, orphaned_runs, run_tags
from tests.support.mlflow_server import mlflow_server

HERE, ENDED = platform.node(), "1-1"  # process 1 began at another time
TAGS = {
    "killed": {
        run_tags.HOST: HERE, run_tags.PROCESS: ENDED, run_tags.MACHINE: machine_name(),
    },
    "killed, of an earlier Lockstep": {run_tags.HOST: HERE, run_tags.PROCESS: ENDED},
    "alive": {run_tags.HOST: HERE, run_tags.PROCESS: process_name()},
    "of another machine": {run_tags.HOST: f"not {HERE}", run_tags.PROCESS: ENDED},
    "of another machine with the same name": {
        run_tags.HOST: HERE, run_tags.PROCESS: ENDED, run_tags.MACHINE: f"{HERE}-0",
    },
    "without a process": {run_tags.HOST: HERE},
    "of the first Lockstep": {"host": HERE, "lockstep.process": ENDED},
}  # fmt: skip
KILLED = {"killed", "killed, of an earlier Lockstep"}


def ended(uri: str) -> set[str]:
    """Make runs of an experiment, end the orphaned ones, and return the names of those."""
    from mlflow import MlflowClient

    client: Any = MlflowClient(uri)
    experiment = client.create_experiment("orphaned")
    for name, tags in TAGS.items():
        client.create_run(experiment, tags=tags, run_name=name)
    orphaned_runs.end(client, client.get_experiment(experiment))
    found = client.search_runs([experiment], "attributes.status = 'KILLED'")
    return {each.info.run_name for each in found}


def test_only_runs_of_ended_processes_of_this_machine_are_ended(tmp_path: Path) -> None:
    assert ended(database.ensure(tmp_path)) == KILLED


@pytest.mark.system
def test_a_server_takes_the_hidden_tag(tmp_path: Path) -> None:
    with mlflow_server(database.ensure(tmp_path), tmp_path) as address:
        assert ended(address) == KILLED
