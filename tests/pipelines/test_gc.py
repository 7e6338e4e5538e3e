"""`lockstep gc` after a week of use: what failed, killed and removed runs have left behind."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.tracking.client import connect
from tests.support.trainings import Pauses
from tests.support.workspaces import SMALL, champion, git, run

pytestmark = pytest.mark.system
LEFT_TEMPORARY = """
import os
from lockstep.process.temporary_folders import temporary_folder
with temporary_folder() as folder:
    (folder / "saved_model.pb").write_bytes(bytes(5000))
    os.kill(os.getpid(), 9)
"""


def plan(root: Path) -> dict[str, Any]:
    ended = run(root, "lockstep", "gc", "--plan", "--json")
    assert ended.returncode == 0, ended.stdout
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def kinds(found: dict[str, Any]) -> dict[str, int]:
    names = [each["kind"] for each in found["leftovers"]]
    return {name: names.count(name) for name in names}


def lockstep(root: Path, *arguments: str, code: int = 0) -> str:
    ended = run(root, "lockstep", *arguments)
    assert ended.returncode == code, ended.stdout
    return ended.stdout


def kill_in_training(root: Path, folder: Path) -> None:
    """Kill a run with overrides in the middle of an epoch, with all its processes."""
    pauses = Pauses(folder, 2)
    overrides = [f"{name}={json.dumps(value)}" for name, value in pauses.changes().items()]
    process = subprocess.Popen(
        ["lockstep", "run", "seed=9", *overrides],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    pauses.wait_in(process, 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred")  # of MLflow, at each load
def test_a_week_of_use(
    make_workspace: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    root = make_workspace(SMALL, "week")
    lockstep(root, "run")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Result")
    lockstep(root, "run", "seed=2")  # kept
    lockstep(root, "run", "seed=3")  # removed later
    kept, removed = sorted(
        git(root, "for-each-ref", "refs/exps/*/*/*", "--format=%(refname)").split()
    )
    assert run(root, "dvc", "exp", "remove", removed.rpartition("/")[2]).returncode == 0
    lockstep(root, "run", "train.learning_rate=1e30", "train.optimizer=sgd", code=1)  # diverges
    kill_in_training(root, tmp_path / "pauses")
    subprocess.run([sys.executable, "-c", LEFT_TEMPORARY], cwd=root, check=False)
    client, experiment = connect(root)
    run_id = client.search_runs([experiment.experiment_id])[0].info.run_id
    client.create_logged_model(experiment.experiment_id, "model", run_id)
    git(root, "stash", "-u")

    found = plan(root)
    assert kinds(found) == {
        "workspace": 2,
        "snapshots": 2,  # the diverged run's are an empty folder
        "lock files": 2,  # of trainings and of downloads that have ended
        "temporary folder": 1,
        "MLflow run of a removed experiment": 1,
        "interrupted upload": 1,
        "DVC's cache": 1,
    }
    assert found["bytes"] == sum(each["bytes"] for each in found["leftovers"]) > 10_000
    assert plan(root) == found  # it removes nothing

    lockstep(root, "gc")
    assert plan(root) == {"leftovers": [], "bytes": 0, "kept": []}
    assert champion(root).metadata
    assert "run " not in lockstep(root, "plan")
    name = kept.rpartition("/")[2]
    assert run(root, "dvc", "exp", "apply", name).returncode == 0
    ended = run(root, "dvc", "repro")
    assert ended.returncode == 0
    assert "Running stage" not in ended.stdout
    assert run(root, "dvc", "status").stdout.strip().endswith("up to date.")
