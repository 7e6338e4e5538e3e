"""A process ends with the runner that started it, even when that one is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.process.process_ids import is_alive, process_name
from tests.support.served import until
from tests.support.workspaces import REPOSITORY

# Says that it watches, and then waits for a signal.
STAGE = """
import pathlib, signal, sys
from lockstep.process.runner import end_with_runner
from lockstep.process.process_ids import process_name
ended = pathlib.Path(sys.argv[1] + ".ended")
signal.signal(signal.SIGTERM, lambda *_: (ended.touch(), sys.exit(143)))
end_with_runner({b"a-runner"})
pathlib.Path(sys.argv[1] + ".part").write_text(process_name())
pathlib.Path(sys.argv[1] + ".part").rename(sys.argv[1])
signal.pause()
"""
# Stands for a runner, by its name on the command line; DVC puts a shell between.
RUNNER = "import subprocess, sys; subprocess.run(sys.argv[2:])"


def start(tmp_path: Path, name: str, *between: str) -> tuple[subprocess.Popen[bytes], str]:
    """A process called `name` that runs a stage, and the stage's process name."""
    file = tmp_path / "started"
    stage = [sys.executable, "-c", STAGE, str(file)]
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, name, *between, *stage],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    until(file.exists, 30)
    return runner, file.read_text()


@pytest.mark.parametrize("between", [(), ("sh", "-c", '"$@"; true', "sh")], ids=["direct", "shell"])
def test_it_ends_with_a_killed_runner(tmp_path: Path, between: tuple[str, ...]) -> None:
    runner, stage = start(tmp_path, "a-runner", *between)
    assert is_alive(stage)
    runner.kill()
    runner.wait()
    until(lambda: not is_alive(stage), 10)
    assert (tmp_path / "started.ended").exists()  # it could put its things in order


def test_it_outlives_what_is_no_runner(tmp_path: Path) -> None:
    other, stage = start(tmp_path, "an-editor")
    other.kill()
    other.wait()
    assert is_alive(stage)
    assert not (tmp_path / "started.ended").exists()
    os.kill(int(stage.partition("-")[0]), signal.SIGTERM)
    until(lambda: not is_alive(stage), 10)


def test_a_name_is_of_one_process_alone() -> None:
    process = subprocess.Popen(["sleep", "60"])
    name = process_name(process.pid)
    assert is_alive(name)
    assert is_alive(process_name())
    assert not is_alive(f"{process.pid}-1")  # the same id, at another time
    process.kill()
    process.wait()
    assert not is_alive(name)
