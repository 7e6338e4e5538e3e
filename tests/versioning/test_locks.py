"""Two commands in one checkout: the second ends with 75 and says who is running."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lockstep.errors import UnavailableError
from lockstep.versioning import locks
from lockstep.versioning.reproduction import reproduce_stage
from pipelines import checkout_lock
from tests.support.waiting import until
from tests.support.workspaces import run

FIX = "start again when it has ended, or give overrides, which run beside it"


@pytest.fixture
def busy(make_workspace: Callable[..., Path]) -> Iterator[tuple[Path, int]]:
    """A checkout in which `dvc repro` runs a stage, and the process of `dvc repro`."""
    root = make_workspace(name="busy")
    wait = {"cmd": "touch waiting && exec sleep 60", "outs": ["waiting"]}
    YAML().dump({"stages": {"wait": wait}}, root / "dvc.yaml")
    process = subprocess.Popen(["dvc", "repro"], cwd=root, start_new_session=True)
    until(lambda: (root / "waiting").exists() or process.poll() is not None, 60)
    yield root, process.pid
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_run_beside_dvc_repro(busy: tuple[Path, int]) -> None:
    root, process = busy
    line = f"{root}: `dvc repro` (process {process}) is running here; {FIX}"
    ended = run(root, "lockstep", "run", LOCKSTEP_FORBIDDEN="tensorflow,mlflow,uvicorn")
    assert (ended.returncode, ended.stdout) == (75, f"lockstep run: {line}\n")
    with pytest.raises(UnavailableError) as raised:  # as in a flow that had started before
        reproduce_stage(root, "wait", lambda command: True)
    assert str(raised.value) == line
    os.killpg(process, signal.SIGKILL)
    until(lambda: not locks.holder(root), 10)


def test_two_runs(make_workspace: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_workspace(name="twice")
    monkeypatch.setattr("sys.argv", ["pipelines/cli/__main__.py", "run"])
    with checkout_lock.held(root):
        ended = run(root, "lockstep", "run", LOCKSTEP_FORBIDDEN="tensorflow,mlflow,uvicorn")
    line = f"{root}: `lockstep run` (process {os.getpid()}) is running here; {FIX}"
    assert (ended.returncode, ended.stdout) == (75, f"lockstep run: {line}\n")
    with checkout_lock.held(root):
        pass


@pytest.mark.parametrize(
    "text",
    [
        '{"write": {"/a": {"p', "reused", '{"other": 1}', "[]", '{"write": [1]}',
        '{"write": {"/a": {"pid": 1}}}', '{"read": {"/a": [{"pid": "x", "cmd": "dvc"}]}}',
    ],
)  # fmt: skip
def test_a_stale_list_of_locks_is_removed(workspace: Path, text: str) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        entry = {"pid": other.pid, "cmd": "/bin/dvc repro"}
        file = workspace / locks.RWLOCK
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"write": {"/a": entry}}) if text == "reused" else text)
        locks.check(workspace)
        assert not any(json.loads(file.read_text()).values())
        other.kill()


def test_a_program_given_on_the_command_line_is_no_ended_process(workspace: Path) -> None:
    program = "print(flush=True); import time; time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()  # it has its name now
        file = workspace / locks.RWLOCK
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"write": {"/a": {"pid": other.pid, "cmd": "-c"}}}))
        assert not locks.is_stale(workspace)
        other.kill()


def test_dvc_repro_takes_what_a_killed_one_has_left_out_of_the_list_of_locks(
    busy: tuple[Path, int],
) -> None:
    root, process = busy
    ended = {"pid": 2**22 + 1, "cmd": "/bin/dvc repro"}  # no process can have this id
    file = root / locks.RWLOCK
    listed = json.loads(file.read_text())
    listed["read"] = {"/models/cnn.py": [ended, *listed["write"].values()], "/weights": [ended]}
    file.write_text(json.dumps(listed))
    assert locks.is_stale(root)
    run(root, "python", "-m", "tasks", "build")  # as DVC does, while it holds its own locks
    left = json.loads(file.read_text())
    assert {each["pid"] for entries in left["read"].values() for each in entries} == {process}
    assert {each["pid"] for each in left["write"].values()} == {process}
    assert not locks.is_stale(root)
