"""Trainings that are stopped, killed, or out of disk: the same command goes on to the same bits."""

import contextlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import train
from tests.support.trainings import digests, end_of
from tests.support.workspaces import SMALL, change_params, load, run

pytestmark = pytest.mark.system


def test_sigterm_in_mid_epoch_and_kill_then_the_same_bits(ready: Path) -> None:
    values = change_params(
        ready, {"train.epochs": 60, "train.bundle_seconds": 0, "model.mlp.dropout": 0.2}
    )
    for sent, code in ((signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
        process = subprocess.Popen([sys.executable, "-m", "tasks", "train"], cwd=ready)
        history = ready / "report" / "history.csv"
        before = len(history.read_text().splitlines()) if history.exists() else 1
        deadline = time.monotonic() + 100
        while not history.exists() or len(history.read_text().splitlines()) < before + 4:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(sent)
        assert process.wait(60) == code
    train.train(values, ready)
    resumed = digests(ready)
    shutil.rmtree(ready / ".lockstep" / "bundles")
    train.train(values, ready)
    assert digests(ready) == resumed


def running_in(folder: Path) -> list[Path]:
    """The processes at work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            if (process / "cwd").readlink() == folder:
                found.append(process)
    return found


@pytest.mark.parametrize("door", [("dvc", "repro", "train"), ("lockstep", "run")])
def test_a_runner_that_is_killed_goes_on_where_training_was(
    make_workspace: Callable[..., Path], tensorflow: Any, door: tuple[str, ...]
) -> None:
    changes = {**SMALL, "train.epochs": 60, "train.bundle_seconds": 0}
    workspace = make_workspace(changes, until="train")
    values = load(workspace)
    history = workspace / "report" / "history.csv"
    runner = subprocess.Popen(door, cwd=workspace)
    deadline = time.monotonic() + 150
    while not history.exists() or len(history.read_text().splitlines()) < 5:
        assert time.monotonic() < deadline
        assert runner.poll() is None
        time.sleep(0.01)
    runner.kill()
    runner.wait()
    while running_in(workspace):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not (workspace / "weights" / "last.weights.h5").exists()  # it didn't train on
    ended = run(workspace, *door)
    assert ended.returncode == 0, ended.stdout
    assert "goes on after epoch" in ended.stdout
    resumed = digests(workspace)
    shutil.rmtree(workspace / ".lockstep" / "bundles")
    train.train(values, workspace)
    assert digests(workspace) == resumed


def test_a_full_disk_while_a_bundle_is_written(ready: Path) -> None:
    change_params(ready, {"train.epochs": 20, "train.bundle_seconds": 0})
    bundles = ready / ".lockstep" / "bundles"
    bundles.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", bundles], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this user can't mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "tasks", "train"], cwd=ready,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        code, output = end_of(process)
        (place,) = (each for each in bundles.iterdir() if each.is_dir())
        whole = sorted(each.name for each in place.iterdir())
        subprocess.run(["mount", "-o", "remount,size=10m", bundles], check=True)
        values = change_params(ready, {})
        train.train(values, ready)
    finally:
        subprocess.run(["umount", bundles], check=True)
    assert code == 4, output
    assert str(bundles) in output
    assert "No space left on device" in output
    assert whole
    assert not [name for name in whole if name.startswith(".part")]
    resumed = digests(ready)
    train.train(values, ready)
    assert digests(ready) == resumed
