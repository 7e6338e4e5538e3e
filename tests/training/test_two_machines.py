"""Two workers on two machines, with a network between them."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks import train
from tests.support.machines import Machine, cut, join, two_machines
from tests.support.trainings import Pauses, digests, end_of
from tests.support.workers import Workers
from tests.support.workspaces import change_params, load, run_stages

pytestmark = pytest.mark.system
TWO = {
    "train.replicas": 2, "train.cluster_timeout_seconds": 180, "train.snapshot_seconds": 0,
    "train.epochs": 5, "model.mlp.dropout": 0.2,
}  # fmt: skip
OUTAGE_SECONDS = 60


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    with two_machines() as made:
        yield made


def on_one_machine(root: Path, values: Any) -> dict[str, str]:
    """The digests of the same training with two replicas in this process."""
    shutil.rmtree(root / ".lockstep" / "snapshots")
    train.train(values, root)
    return digests(root)


def ended_well(*processes: subprocess.Popen[str]) -> list[str]:
    """The outputs of processes that end with 0."""
    outcomes = [end_of(each, 200) for each in processes]
    assert [code for code, _ in outcomes] == [0] * len(processes), outcomes
    return [output for _, output in outcomes]


def test_two_machines_give_the_bits_of_one(ready: Path, machines: tuple[Machine, Machine]) -> None:
    values = change_params(ready, TWO)
    workers = Workers(ready, machines)
    ended_well(workers.other(), workers.chief())
    together = digests(ready)
    assert on_one_machine(ready, values) == together


def test_mnist_ends_in_the_same_bits_after_a_worker_was_killed(
    make_workspace: Callable[..., Path],
    test_data: Path,
    tensorflow: Any,
    tmp_path: Path,
    machines: tuple[Machine, Machine],
) -> None:
    pauses = Pauses(tmp_path / "pauses", 3)
    changes = {
        **TWO, **pauses.changes(), "data.name": "mnist", "data.mirror": str(test_data),
        "data.limit": 4000, "model.name": "cnn", "train.batch_size": 128, "train.epochs": 3,
    }  # fmt: skip
    root = run_stages(make_workspace(changes, "mnist"), "download", "normalize", "build")
    workers = Workers(root, machines)
    other, chief = workers.other(), workers.chief()
    pauses.wait_in(chief, 3)
    other.kill()
    pauses.go_on(3)
    for process, expected in ((other, -signal.SIGKILL), (chief, 75)):
        code, output = end_of(process)
        assert code == expected, output
    assert "goes on after epoch 2," in ended_well(workers.other(), workers.chief())[1]
    together = digests(root)
    assert on_one_machine(root, load(root)) == together


def test_a_link_that_is_cut_for_a_minute_costs_no_bit(
    ready: Path, tmp_path: Path, machines: tuple[Machine, Machine]
) -> None:
    """Both end soon; started again at once, they wait for each other until the link is back."""
    pauses = Pauses(tmp_path / "pauses", 3)
    values = change_params(ready, {**TWO, **pauses.changes()})
    workers = Workers(ready, machines)
    processes = [workers.other(), workers.chief()]
    pauses.wait_in(processes[1], 3)
    cut(machines[1])
    back = time.monotonic() + OUTAGE_SECONDS
    pauses.go_on(3)
    for code, output in [end_of(each) for each in processes]:
        assert code == 75, output
        assert "one of 2 workers was lost" in output
    processes = [workers.other(), workers.chief()]
    time.sleep(max(0, back - time.monotonic()))
    assert [each.poll() for each in processes] == [None, None]
    join(machines[1])
    assert "goes on after epoch 2," in ended_well(*processes)[1]
    together = digests(ready)
    assert on_one_machine(ready, values) == together
