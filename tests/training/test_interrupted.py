"""Trainings that are stopped, killed or out of disk space resume to the same bits."""

import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks import train
from tests.support.trainings import Pauses, digests, end_of
from tests.support.waiting import until
from tests.support.workspaces import SMALL, change_params, load, run

pytestmark = pytest.mark.system


def start(root: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_training_resumes_to_the_same_bits_after_sigterm_and_sigkill(
    ready: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pauses = Pauses(tmp_path / "pauses", 3, 5)
    changes = {**pauses.changes(), "train.epochs": 6, "model.mlp.dropout": 0.2}
    values = change_params(ready, changes)
    outputs = []
    for epoch, sent, code in ((3, signal.SIGTERM, 143), (5, signal.SIGKILL, -signal.SIGKILL)):
        process = start(ready, sys.executable, "-m", "tasks", "train")
        pauses.wait_in(process, epoch)
        process.send_signal(sent)
        ended, output = end_of(process, 60)
        assert ended == code, output
        outputs.append(output)
        pauses.go_on(epoch)
    assert "goes on after epoch" not in outputs[0]
    assert "goes on after epoch 2," in outputs[1]
    train.train(values, ready)
    assert "goes on after epoch 4," in capsys.readouterr().err
    resumed = digests(ready)
    shutil.rmtree(ready / ".lockstep" / "snapshots")
    train.train(values, ready)
    assert digests(ready) == resumed


def running_in(folder: Path) -> list[Path]:
    """The processes whose working directory is this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # the process has just ended
            if (process / "cwd").readlink() == folder:
                found.append(process)
    return found


@pytest.mark.parametrize("door", [("dvc", "repro", "train"), ("lockstep", "run")])
def test_training_resumes_after_its_runner_is_killed(
    make_workspace: Callable[..., Path], tensorflow: Any, tmp_path: Path, door: tuple[str, ...]
) -> None:
    pauses = Pauses(tmp_path / "pauses", 3)
    changes = {**SMALL, **pauses.changes(), "train.epochs": 4}
    workspace = make_workspace(changes, until="train")
    values = load(workspace)
    runner = start(workspace, *door)
    pauses.wait_in(runner, 3)
    runner.kill()
    end_of(runner)
    until(lambda: not running_in(workspace), 60)  # its child processes end too
    pauses.go_on(3)
    ended = run(workspace, *door)
    assert ended.returncode == 0, ended.stdout
    assert "goes on after epoch 2," in ended.stdout
    resumed = digests(workspace)
    shutil.rmtree(workspace / ".lockstep" / "snapshots")
    train.train(values, workspace)
    assert digests(workspace) == resumed


def test_a_full_disk_while_a_snapshot_is_written(ready: Path) -> None:
    change_params(ready, {"train.epochs": 20, "train.snapshot_seconds": 0})
    snapshots = ready / ".lockstep" / "snapshots"
    snapshots.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", snapshots], capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"this user can't mount a small disk: {mounted.stderr.decode().strip()}")
    try:
        process = start(ready, sys.executable, "-m", "tasks", "train")
        code, output = end_of(process)
        (snapshot,) = (each for each in snapshots.iterdir() if each.is_dir())
        whole = sorted(each.name for each in snapshot.iterdir())
        subprocess.run(["mount", "-o", "remount,size=10m", snapshots], check=True)
        values = change_params(ready, {})
        train.train(values, ready)
    finally:
        subprocess.run(["umount", snapshots], check=True)
    assert code == 4, output
    assert str(snapshots) in output
    assert "No space left on device" in output
    assert whole
    assert not [name for name in whole if name.startswith(".part")]
    resumed = digests(ready)
    train.train(values, ready)
    assert digests(ready) == resumed
