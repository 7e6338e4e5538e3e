"""What a machine does to a stage: no home, few open files, a stop, a jump of the clock."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.tracking import orphaned_runs
from lockstep.tracking.client import connect
from tests.faults.invariants import assert_one_line, assert_runs_are_whole
from tests.support.prefect_server import filtered
from tests.support.pretended_stages import recorded_workspace, reproduce
from tests.support.small_disk import small_disk
from tests.support.trainings import Pauses, digests, end_of
from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY, run, run_stages, stage, write_params

TASKS = [sys.executable, "-m", "tasks"]
WHEEL = """
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr("other.py", "")
    info = "other-1.dist-info"
    wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: other\\nVersion: 1\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
"""


@pytest.mark.system
def test_a_cached_file_that_was_deleted_is_made_again(make_workspace: Callable[..., Path]) -> None:
    root = recorded_workspace(make_workspace)
    spec = root / "data/ready/spec.json"
    before = spec.read_bytes()
    for cached in (root / ".dvc/cache/files/md5").glob("*/*"):
        if cached.read_bytes() == before:
            cached.unlink()
    shutil.rmtree(root / "data/ready")
    assert reproduce(root)[1] == "ran"
    assert spec.read_bytes() == before


@pytest.mark.system
def test_without_environment_and_with_a_home_that_cannot_be_written(
    prepared: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(prepared, tmp_path / "lockstep"))
    with small_disk(tmp_path / "home", "64k", "ro"):
        environment = {"HOME": str(tmp_path / "home"), "PATH": os.environ["PATH"]}
        for name in ("normalize", "build", "train"):
            ended = subprocess.run(
                [*TASKS, name], cwd=root, env=environment, capture_output=True, text=True
            )
            assert ended.returncode == 0, ended.stderr
    assert (root / "weights/last.weights.h5").exists()
    assert not Path("/tmp/.keras").exists()  # noqa: S108  # where Keras falls back to


@pytest.mark.system
@pytest.mark.parametrize("name", ["normalize", "build", "train", "evaluate"])
def test_with_few_open_files(judged: Path, tmp_path: Path, name: str) -> None:
    root = Path(shutil.copytree(judged, tmp_path / "lockstep"))
    command = f"ulimit -n 20; exec {sys.executable} -m tasks {name}"
    ended = run(root, "sh", "-c", command)
    if ended.returncode:
        assert_one_line(ended.stdout, ended.returncode, 4)


@pytest.mark.system
def test_a_training_that_is_stopped_for_a_while_goes_on(
    make_workspace: Callable[..., Path], prepared: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(prepared, tmp_path / "lockstep"))
    pauses = Pauses(tmp_path / "pauses", 2)
    write_params(root, {**pauses.changes(), "train.epochs": 3})
    undisturbed = Path(shutil.copytree(root, tmp_path / "undisturbed"))
    pauses.go_on(2)
    run_stages(undisturbed, "train")
    (pauses.folder / "go-2").unlink()
    (pauses.folder / "reached-2").unlink()

    process = subprocess.Popen(
        [*TASKS, "train"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        pauses.wait_in(process, 2)
        client, experiment = connect(root)
        ids = [experiment.experiment_id]
        # Epoch 1 is what it sends last before the pause: it holds no lock of the database then.
        until(lambda: any(each.data.metrics for each in client.search_runs(ids)), 60, 0.1)
        process.send_signal(signal.SIGSTOP)
        pauses.go_on(2)
        assert client.search_runs(ids)[0].info.status == "RUNNING"
        assert orphaned_runs.find(client, experiment) == []  # not taken for one that was killed
        assert process.poll() is None
        process.send_signal(signal.SIGCONT)
        code, output = end_of(process)
    finally:
        process.kill()  # also if it is stopped still
    assert code == 0, output
    assert digests(root) == digests(undisturbed)


@pytest.mark.system
@pytest.mark.parametrize("seconds", [-86_400, 365 * 86_400])
def test_the_clock_jumps_while_it_trains(
    prepared: Path, judged: Path, tmp_path: Path, seconds: int
) -> None:
    root = Path(shutil.copytree(prepared, tmp_path / "lockstep"))
    jump: dict[str, Any] = {"name": "custom.Jump", "epoch": 0, "seconds": seconds}
    changes = {
        "train.custom_objects_file": "tests/support/clock.py",
        "train.callbacks": [jump],
        "train.snapshot_seconds": 1,
    }
    write_params(root, changes)
    ended = stage(root, "train")
    assert ended.returncode == 0, ended.stdout
    assert digests(root) == digests(judged)
    assert_runs_are_whole(root)


@pytest.mark.system
def test_sigterm_after_the_end_of_a_flow_leaves_it_completed(
    make_workspace: Callable[..., Path], server: str
) -> None:
    """A run that is stopped while its process ends stays what it is, Completed."""
    root = make_workspace(until="normalize")
    earlier = {each["id"] for each in filtered(server, "flow_runs", {})}

    def states() -> list[str]:
        found = filtered(server, "flow_runs", {})
        return [each["state_type"] for each in found if each["id"] not in earlier]

    process = subprocess.Popen(
        ["lockstep", "run"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"PREFECT_API_URL": server},
    )  # fmt: skip
    until(lambda: states() == ["COMPLETED"], 60, 0.02)
    process.send_signal(signal.SIGTERM)
    end_of(process)
    assert states() == ["COMPLETED"]


def test_a_package_with_other_bytes_is_not_installed(tmp_path: Path) -> None:
    wheel = tmp_path / "wheels" / "other-1-py3-none-any.whl"
    wheel.parent.mkdir()
    subprocess.run([sys.executable, "-c", WHEEL, str(wheel)], check=True)
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"other==1 --hash=sha256:{'0' * 64}\n")
    ended = run(
        tmp_path, "uv", "pip", "install", "--require-hashes", "--no-deps", "--no-index",
        "--offline", "--find-links", str(wheel.parent), "--target", str(tmp_path / "target"),
        "-r", str(lock),
    )  # fmt: skip
    assert ended.returncode != 0
    assert "hash" in ended.stdout.lower()
    assert not list((tmp_path / "target").glob("other*"))


def test_an_unsupported_python_is_one_line(tmp_path: Path) -> None:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    python = tmp_path / "python3.10"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.10.1 || exit 1\n')
    python.chmod(0o755)
    ended = run(tmp_path, "make", "env", f"PYTHON={python}")
    assert "make env: got Python 3.10.1, expected 3.11 to 3.13" in ended.stdout
    assert not (tmp_path / ".venv").exists()
