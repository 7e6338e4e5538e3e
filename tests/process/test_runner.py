"""A stage process ends when the runner that started it ends, even by SIGKILL."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.process.process_ids import is_alive, process_name
from lockstep.process.runner import DVC_STAGE, RUNNER
from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY

# Prints that it watches its runner, and then waits for a signal.
STAGE = """
import pathlib, signal, sys
from lockstep.process.runner import end_with_runner
from lockstep.process.process_ids import process_name
ended = pathlib.Path(sys.argv[1] + ".ended")
signal.signal(signal.SIGTERM, lambda *_: (ended.touch(), sys.exit(143)))
end_with_runner()
pathlib.Path(sys.argv[1] + ".part").write_text(process_name())
pathlib.Path(sys.argv[1] + ".part").rename(sys.argv[1])
signal.pause()
"""
PARENT = "import subprocess, sys; subprocess.run(sys.argv[1:])"
RUNNING = "from lockstep.process.runner import announce_runner; announce_runner(); " + PARENT
SHELL = ("sh", "-c", '"$@"; true', "sh")  # that stays between


def start(
    tmp_path: Path, parent: str, *between: str, **variables: str
) -> tuple[subprocess.Popen[bytes], str]:
    """A parent that runs a stage, and the stage's process name."""
    file = tmp_path / "started"
    stage = [sys.executable, "-c", STAGE, str(file)]
    started = subprocess.Popen(
        [sys.executable, "-c", parent, *between, *stage],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **variables},
    )
    until(file.exists, 30)
    return started, file.read_text()


@pytest.mark.parametrize("between", [(), SHELL], ids=["direct", "shell"])
@pytest.mark.parametrize("by", ["variable", "dvc"])
def test_it_ends_with_a_killed_runner(tmp_path: Path, between: tuple[str, ...], by: str) -> None:
    dvc = {DVC_STAGE: "train"} if by == "dvc" else {}
    runner, stage = start(tmp_path, PARENT if dvc else RUNNING, *between, **dvc)
    assert is_alive(stage)
    runner.kill()
    runner.wait()
    until(lambda: not is_alive(stage), 10)
    assert (tmp_path / "started.ended").exists()  # it had time to clean up


@pytest.mark.parametrize("name", ["dvc", "lockstep", "pipelines.cli"])
def test_it_outlives_a_parent_that_is_not_a_runner(tmp_path: Path, name: str) -> None:
    # Such as an editor opened on a folder of that name.
    other, stage = start(tmp_path, PARENT, "env", f"FOLDER=/home/me/{name}")
    other.kill()
    other.wait()
    assert is_alive(stage)
    assert not (tmp_path / "started.ended").exists()
    os.kill(int(stage.partition("-")[0]), signal.SIGTERM)
    until(lambda: not is_alive(stage), 10)


def test_it_ends_at_once_if_its_runner_has_ended_before(tmp_path: Path) -> None:
    gone = subprocess.Popen(["sleep", "60"])
    name = process_name(gone.pid)
    gone.kill()
    gone.wait()
    command = [sys.executable, "-c", STAGE, str(tmp_path / "started")]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), RUNNER: name}
    ended = subprocess.run(command, env=environment, timeout=30, check=False)
    assert ended.returncode == 143


def test_a_process_name_identifies_one_process() -> None:
    process = subprocess.Popen(["sleep", "60"])
    name = process_name(process.pid)
    assert is_alive(name)
    assert is_alive(process_name())
    assert not is_alive(f"{process.pid}-1")  # the same id with another start time
    process.kill()
    process.wait()
    assert not is_alive(name)
