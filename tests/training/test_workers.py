"""Several workers in separate processes: real clusters on the loopback."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import ParamsError
from lockstep.runtime import devices
from lockstep.runtime.cluster import Cluster, read_cluster
from tasks import train
from tests.support.trainings import Pauses, digests, end_of
from tests.support.workers import Workers
from tests.support.workspaces import change_params, with_values

system = pytest.mark.system


TWO = {
    "train.replicas": 2,
    "train.cluster_timeout_seconds": 60,
    "train.snapshot_seconds": 0,
    "model.mlp.dropout": 0.2,
    "train.callbacks": [
        {"name": "ReduceLROnPlateau", "monitor": "loss", "patience": 1, "min_delta": 0.3},
        {"name": "EarlyStopping", "monitor": "val_accuracy", "patience": 2},
    ],
}


@system
def test_two_workers_give_the_bits_of_two_replicas(ready: Path) -> None:
    values = change_params(ready, {**TWO, "train.epochs": 30})
    workers = Workers(ready)
    other, chief = workers.other(), workers.chief()
    outcomes = [end_of(process) for process in (chief, other)]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    together = digests(ready)
    assert not (workers.other_root / "weights" / "last.weights.h5").exists()
    assert not (workers.other_root / "report" / "history.csv").exists()
    shutil.rmtree(ready / ".lockstep" / "snapshots")
    train.train(values, ready)
    assert digests(ready) == together


@system
@pytest.mark.parametrize("dies", ["chief", "other"])
def test_when_a_worker_dies_the_other_ends_and_both_resume(
    ready: Path, tmp_path: Path, dies: str
) -> None:
    pauses = Pauses(tmp_path / "pauses", 3)
    values = change_params(ready, {**TWO, **pauses.changes(), "train.epochs": 5})
    workers = Workers(ready)
    processes = {"other": workers.other(), "chief": workers.chief()}
    pauses.wait_in(processes["chief"], 3)  # the other waits for it in the middle of a call
    processes[dies].kill()
    pauses.go_on(3)
    left = processes["chief" if dies == "other" else "other"]
    code, output = end_of(left)
    assert code == 75, output
    assert "one of 2 workers was lost" in output
    end_of(processes[dies])
    outcomes = [end_of(process) for process in (workers.other(), workers.chief())]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    assert "goes on after epoch 2," in outcomes[1][1]
    together = digests(ready)
    shutil.rmtree(ready / ".lockstep" / "snapshots")
    train.train(values, ready)
    assert digests(ready) == together


@system
def test_a_worker_that_never_connects(ready: Path) -> None:
    change_params(ready, {"train.cluster_timeout_seconds": 3})
    workers = Workers(ready)
    code, output = end_of(workers.chief())
    assert code == 75, output
    other = workers.cluster["worker"][1]
    met = "1 of 2 workers connected within 3 s (train.cluster_timeout_seconds)"
    assert f"train: {met}; start the others: {other}\n" in output


@system
def test_a_worker_with_other_inputs(ready: Path) -> None:
    change_params(ready, {"train.cluster_timeout_seconds": 60})
    workers = Workers(ready)
    change_params(workers.other_root, {"train.learning_rate": 0.5})
    weights = workers.other_root / "weights" / "initial.weights.h5"
    weights.write_bytes(weights.read_bytes() + b"x")
    outcomes = [end_of(process) for process in (workers.other(), workers.chief())]
    for code, output in outcomes:
        assert code == 3, output
        assert "worker 1 has different parameters and data than the chief" in output


def config(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    monkeypatch.setenv("TF_CONFIG", value if isinstance(value, str) else json.dumps(value))


@pytest.mark.parametrize(
    "value",
    [
        "{",
        "[]",
        {"cluster": {"worker": ["a:1", "b:1"]}},
        {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}},
        {"cluster": {"worker": ["a", "b:1"]}, "task": {"type": "worker", "index": 0}},
        {"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}},
    ],
)
def test_a_cluster_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
    config(monkeypatch, value)
    with pytest.raises(ParamsError, match=r"TF_CONFIG: .*expected"):
        read_cluster()


def test_the_chief_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"]}
    config(monkeypatch, {"cluster": cluster, "task": {"type": "worker", "index": 0}})
    assert read_cluster() == Cluster(("a:1", "b:1", "c:1"), 1)
    config(monkeypatch, {"cluster": cluster, "task": {"type": "chief", "index": 0}})
    assert read_cluster().chief


def test_the_replicas_of_all_workers_count(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = {"worker": ["a:1", "b:1", "c:1", "d:1"]}
    config(monkeypatch, {"cluster": cluster, "task": {"type": "worker", "index": 0}})
    assert devices.replicas(with_values({"train.replicas": "auto"})) == 4
    with pytest.raises(ParamsError, match=r"got 2, expected auto or 4: TF_CONFIG names 4 workers"):
        devices.replicas(with_values({"train.replicas": 2}))


def test_the_chief_is_no_other_worker(ready: Path) -> None:
    from tests.support.workspaces import run

    ended = run(ready, "lockstep", "worker", LOCKSTEP_FORBIDDEN="tensorflow")
    assert ended.returncode == 2
    assert "this process is the chief, expected another worker" in ended.stdout
