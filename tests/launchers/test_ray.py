"""Stages on a Ray cluster of two machines end in the bits of one machine."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.ports import free_port
from tests.support.prefect_server import runs_of
from tests.support.ray_cluster import RayCluster, ray_cluster
from tests.support.trainings import Pauses, digests, end_of
from tests.support.workspaces import SMALL, change_params, run, stage

pytestmark = pytest.mark.system
TWO = {
    **SMALL, "train.replicas": 2, "train.cluster_timeout_seconds": 300, "model.mlp.dropout": 0.2,
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as made:
        made.start_head()
        yield made


@pytest.fixture(scope="module")
def built(make_workspace: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace in which all stages before train have run, and a remote that has the data."""
    root = make_workspace(TWO, "on-ray", until="train")
    assert run(root, "dvc", "repro", "build").returncode == 0
    store = tmp_path_factory.mktemp("store")
    for command in (f"remote add --default --local store {store}", "push"):
        ended = run(root, "dvc", *command.split())
        assert ended.returncode == 0, ended.stdout
    # The remote is part of the project: the other machine learns it from .dvc/config.
    (root / ".dvc" / "config").write_text((root / ".dvc" / "config.local").read_text())
    return root


@pytest.fixture(scope="module")
def both(cluster: RayCluster, built: Path) -> RayCluster:
    """The cluster with its second machine, which sees the remote but no workspace."""
    cluster.start_other(built.parent)
    return cluster


def on_ray(cluster: RayCluster, root: Path, *command: str, **more: str) -> Any:
    variables = {"LOCKSTEP_LAUNCHER": "ray", **cluster.environment, **more}
    return run(root, *cluster.machines[0].command(*command), **variables)


def test_pictures_decoded_on_a_cluster_are_the_same_data(
    cluster: RayCluster, make_workspace: Callable[..., Path], tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    for number in range(80):
        file = tmp_path / "pictures" / ("cat", "dog")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (8, 8), np.uint8)).save(file)
    of_pictures = {"data.name": "folder", "data.path": str(tmp_path / "pictures")}
    root = make_workspace(of_pictures, "pictures", until="normalize")
    assert run(root, "dvc", "repro").returncode == 0
    lock = (root / "dvc.lock").read_bytes()
    command = ("dvc", "repro", "--force", "--single-item", "normalize")
    ended = on_ray(cluster, root, *command)
    assert ended.returncode == 0, ended.stdout
    assert (root / "dvc.lock").read_bytes() == lock


def test_a_machine_without_the_folder_is_no_place_for_batches(
    both: RayCluster, built: Path
) -> None:
    ended = on_ray(both, built, sys.executable, "-m", "tasks", "normalize")
    assert ended.returncode == 3, ended.stdout
    assert f"on node {both.machines[1].address} isn't the same folder as here" in ended.stdout


def test_two_machines_end_in_the_lock_file_of_one(both: RayCluster, built: Path) -> None:
    """The second machine gets the code from Ray and the data from DVC's remote."""
    ended = on_ray(both, built, "dvc", "repro")
    assert ended.returncode == 0, ended.stdout
    assert f"2 workers by Ray, the chief first: {both.machines[0].address}" in ended.stdout
    together, lock = digests(built), (built / "dvc.lock").read_bytes()
    (found,) = runs_of(built)
    assert found.data.tags["training.launcher"] == "ray"
    assert found.data.tags["training.workers"] == "2"
    ended = run(built, "dvc", "repro", "--force", "--single-item", "train")
    assert ended.returncode == 0, ended.stdout
    assert digests(built) == together
    assert (built / "dvc.lock").read_bytes() == lock


@pytest.mark.parametrize("lost", ["tasks train", "pipelines.cli worker"])
def test_all_start_again_from_the_snapshot_after_a_worker_was_killed(
    both: RayCluster, built: Path, tmp_path: Path, lost: str
) -> None:
    pauses = Pauses(tmp_path / "pauses", 3)
    root = Path(shutil.copytree(built, tmp_path / "lockstep", symlinks=True))
    change_params(root, {"train.epochs": 4, **pauses.changes()})
    process = subprocess.Popen(
        both.machines[0].command(sys.executable, "-m", "tasks", "train"), cwd=root,
        env={**os.environ, **both.environment, "LOCKSTEP_LAUNCHER": "ray"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        pauses.wait_in(process, 3)
        (killed,) = workers(f"-m {lost}")
        os.kill(killed, signal.SIGKILL)
        pauses.go_on(3)
        code, output = end_of(process, 300)
    finally:
        process.kill()
    assert code == 0, output
    assert "goes on after epoch 2," in output
    together = digests(root)
    shutil.rmtree(root / ".lockstep" / "snapshots")
    assert stage(root, "train").returncode == 0
    assert digests(root) == together


def workers(command: str) -> list[int]:
    """The ids of processes of a cluster whose command line ends so."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_text().replace("\0", " ").strip()
            if words.endswith(command) and b"TF_CONFIG=" in (process / "environ").read_bytes():
                found.append(int(process.name))
    return found


def test_an_error_of_the_chief_ends_the_stage_with_its_exit_code(
    both: RayCluster, built: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(built, tmp_path / "lockstep", symlinks=True))
    change_params(root, {"train.learning_rate": 1e30, "train.optimizer": "sgd"})
    ended = on_ray(both, root, sys.executable, "-m", "tasks", "train")
    assert ended.returncode == 1, ended.stdout
    assert ended.stdout.count("train: ") == 2, ended.stdout  # the workers, and the chief's error


def test_an_address_without_a_cluster_is_told_at_once(cluster: RayCluster, built: Path) -> None:
    nothing = f"127.0.0.1:{free_port()}"
    ended = on_ray(cluster, built, sys.executable, "-m", "tasks", "train", RAY_ADDRESS=nothing)
    assert ended.returncode == 75
    assert f"RAY_ADDRESS: {nothing} doesn't answer" in ended.stdout
