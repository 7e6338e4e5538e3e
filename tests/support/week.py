"""A week of use of one checkout: experiments that were kept, removed, failed or killed."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from lockstep.tracking.client import connect
from tests.support.trainings import Pauses
from tests.support.workspaces import champion, git, run

LEFT_TEMPORARY = """
import os
from lockstep.process.temporary_folders import temporary_folder
with temporary_folder() as folder:
    (folder / "saved_model.pb").write_bytes(bytes(5000))
    os.kill(os.getpid(), 9)
"""


class Week(NamedTuple):
    """How many experiments become what."""

    kept: int
    removed: int
    failed: int
    killed: int


def play(root: Path, folder: Path, week: Week) -> list[str]:
    """Use a checkout, and return the names of the experiments that are kept.

    TMPDIR must be a folder of its own.
    """
    lockstep(root, "run")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Result")
    names = make_experiments(root, week.kept + week.removed)
    for name in names[week.kept :]:
        assert run(root, "dvc", "exp", "remove", name).returncode == 0
    for seed in range(100, 100 + week.failed):  # diverges
        lockstep(root, "run", f"seed={seed}", "train.learning_rate=1e30", "train.optimizer=sgd",
                 code=1)  # fmt: skip
    for seed in range(200, 200 + week.killed):
        kill_in_training(root, folder / str(seed), seed)
    subprocess.run([sys.executable, "-c", LEFT_TEMPORARY], cwd=root, check=False)
    interrupt_upload(root)
    git(root, "stash", "-u")
    return names[: week.kept]


def make_experiments(root: Path, count: int) -> list[str]:
    """Run two experiments, and the others as a sweep; return the names in this order."""
    lockstep(root, "run", "seed=1")
    lockstep(root, "run", "seed=2")
    run_alone = experiments(root)
    if count > 2:
        lockstep(root, "sweep", f"seed=3..{count}")
    names = [*run_alone, *(each for each in experiments(root) if each not in run_alone)]
    assert len(names) == count
    return names


def experiments(root: Path) -> list[str]:
    """Return the names of the DVC experiments."""
    found = git(root, "for-each-ref", "refs/exps/*/*/*", "--format=%(refname)").split()
    return [each.rpartition("/")[2] for each in found]


def kill_in_training(root: Path, folder: Path, seed: int) -> None:
    """Kill a run with overrides in the middle of an epoch, with all its processes."""
    pauses = Pauses(folder, 2)
    overrides = [f"{name}={json.dumps(value)}" for name, value in pauses.changes().items()]
    process = subprocess.Popen(
        ["lockstep", "run", f"seed={seed}", *overrides],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    pauses.wait_in(process, 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def interrupt_upload(root: Path) -> None:
    """Leave a model in MLflow of which no file has arrived."""
    client, experiment = connect(root)
    run_id = client.search_runs([experiment.experiment_id])[0].info.run_id
    client.create_logged_model(experiment.experiment_id, "model", run_id)


def plan(root: Path) -> dict[str, Any]:
    """Return what `lockstep gc` would remove."""
    found: dict[str, Any] = json.loads(lockstep(root, "gc", "--plan", "--json"))
    return found


def kinds(found: dict[str, Any]) -> dict[str, int]:
    """Return how many leftovers there are of each kind."""
    return dict(Counter(each["kind"] for each in found["leftovers"]))


def assert_nothing_needed_is_gone(root: Path, kept: list[str]) -> None:
    """The champion loads, and each kept experiment is applied without running a stage.

    The first one has been registered, the others, trials of a sweep, end with their evaluation.
    """
    assert champion(root).metadata
    assert "run " not in lockstep(root, "plan")
    for name in kept:
        stages = [] if name == kept[0] else ["evaluate"]
        assert run(root, "dvc", "exp", "apply", name).returncode == 0
        ended = run(root, "dvc", "repro", *stages)
        assert ended.returncode == 0, ended.stdout
        assert "Running stage" not in ended.stdout, ended.stdout
        status = run(root, "dvc", "status", *stages).stdout
        assert status.strip().endswith("up to date."), status


def lockstep(root: Path, *arguments: str, code: int = 0) -> str:
    """Run a command of Lockstep's, and return what it prints; it must end with this exit code."""
    ended = run(root, "lockstep", *arguments)
    assert ended.returncode == code, ended.stdout
    return ended.stdout
