"""The cluster of a Slurm step, from the variables that srun sets; srun itself is pretended."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import ParamsError
from lockstep.runtime.cluster import SINGLE_WORKER, TF_CONFIG, Cluster, read_cluster
from tests.support.trainings import digests, end_of
from tests.support.workspaces import change_params

STEP = {
    "SLURM_JOB_ID": "1234567", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_STEP_NODELIST": "n[2,10]", "SLURM_STEP_TASKS_PER_NODE": "2,1",
}  # fmt: skip


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv(TF_CONFIG, "")  # what read_cluster sets is removed after the test
    for name, value in STEP.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_each_task_is_a_worker_at_its_node(step: pytest.MonkeyPatch, tensorflow: Any) -> None:
    addresses = ("n2:24567", "n2:24568", "n10:24567")
    assert read_cluster() == Cluster(addresses, 1)
    # From which TensorFlow reads it itself.
    assert "n10:24567" in os.environ[TF_CONFIG]


def test_a_step_of_one_task_is_no_cluster(step: pytest.MonkeyPatch) -> None:
    step.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert read_cluster() == SINGLE_WORKER


def test_another_launchers_variable_comes_first(step: pytest.MonkeyPatch) -> None:
    cluster = '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}'
    step.setenv(TF_CONFIG, cluster)
    assert read_cluster() == Cluster(("a:1", "b:1"), 0)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SLURM_DISTRIBUTION", "cyclic", "got cyclic, expected block"),
        ("SLURM_PROCID", "first", "expected the variables that srun sets"),
        ("SLURM_STEP_NODELIST", "n[2", "Invalid hostlist format"),
        ("SLURM_STEP_TASKS_PER_NODE", "many", "Invalid tasks-per-node list"),
        ("SLURM_STEP_TASKS_PER_NODE", "3", "2 nodes and numbers of tasks for 1"),
    ],
)
def test_variables_that_arent_known(
    step: pytest.MonkeyPatch, tensorflow: Any, name: str, value: str, said: str
) -> None:
    step.setenv(name, value)
    with pytest.raises(ParamsError, match=said.replace("[", r"\[")):
        read_cluster()


@pytest.mark.system
def test_two_tasks_of_a_step_give_the_bits_of_two_replicas(ready: Path) -> None:
    """Both run the same command in one folder, as on a file system that their nodes share."""
    from tasks import train

    change = {"train.replicas": 2, "train.epochs": 3, "train.cluster_timeout_seconds": 120}
    values = change_params(ready, change)
    task = {
        **os.environ, "SLURM_JOB_ID": str(os.getpid() % 10000), "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost", "SLURM_STEP_TASKS_PER_NODE": "2",
    }  # fmt: skip
    commands = (["tasks", "train"], ["lockstep", "run"])
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ready, env={**task, "SLURM_PROCID": str(number)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for number, command in enumerate(commands)
    ]  # fmt: skip
    outcomes = [end_of(each, 200) for each in processes]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    assert "worker 1 of 2: done" in outcomes[1][1]
    together = digests(ready)
    shutil.rmtree(ready / ".lockstep" / "snapshots")
    train.train(values, ready)
    assert digests(ready) == together
