"""`lockstep sync`: MLflow gets what it lacks, and a lost database is made again."""

import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from lockstep.versioning.hashes import experiment_key
from tests.support.ports import free_port
from tests.support.workspaces import SMALL, git, run, write_params

pytestmark = pytest.mark.system
STALE = "the stage train isn't up to date, or its outputs aren't in DVC's cache; expected results"
CHANGES = {
    **SMALL, "register.threshold": None, "register.smoke_test": False,
    "tracking.checkpoints": "all",
}  # fmt: skip


class Found(NamedTuple):
    """What MLflow has, without ids and times."""

    runs: dict[str, Any]  # by name
    checkpoints: set[tuple[Any, ...]]
    versions: list[tuple[Any, ...]]
    champion: str


def found(root: Path) -> Found:
    from mlflow import MlflowClient

    # A copy: MLflow would keep a file open after it was deleted.
    copy = root.parent / f"{uuid.uuid4().hex}.db"
    with (
        closing(sqlite3.connect(root / "mlflow.db")) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    client = MlflowClient(f"sqlite:///{copy}")
    runs = {}
    for each in client.search_runs(["1"]):
        steps = {}
        for name in each.data.metrics:
            if not name.startswith(("time/", "system/")):
                history = client.get_metric_history(each.info.run_id, name)
                steps[name] = [(point.step, point.value) for point in history]
                assert len({point.step for point in history}) == len(history)
        runs[each.info.run_name] = (each.info.status, each.data.params, steps)
    models = client.search_logged_models(["1"], "attributes.model_type = 'checkpoint'")
    checkpoints = {
        (each.name, each.tags["checkpoint.md5"], each.tags.get("checkpoint.epoch"))
        for each in models
    }
    versions = client.search_model_versions("name = 'digits'")
    weights = sorted((int(each.version), each.tags["weights"]) for each in versions)
    leader = client.get_model_version_by_alias("digits", "champion")
    return Found(runs, checkpoints, weights, leader.tags["weights"])


@pytest.fixture(scope="module")
def root(make_workspace: Callable[..., Path]) -> Path:
    """A workspace with an experiment and its own results; who leads was promoted by hand."""
    made: Path = make_workspace(CHANGES, name="sync")
    for command in (["lockstep", "run", "seed=1"], ["dvc", "repro"]):
        ended = run(made, *command)
        assert ended.returncode == 0, ended.stdout
    registered = found(made)
    (behind,) = (each for each, weights in registered.versions if weights != registered.champion)
    ended = run(made, "lockstep", "promote", str(behind))
    assert ended.returncode == 0, ended.stdout
    return made


def test_a_deleted_database_is_made_again(root: Path) -> None:
    before, notes = found(root), git(root, "rev-parse", "refs/notes/lockstep")
    assert len(before.runs) == len(before.versions) == 2
    (root / "mlflow.db").unlink()
    ended = run(root, "lockstep", "sync", "--rebuild")
    assert ended.returncode == 0, ended.stdout
    after = found(root)
    assert after.runs == before.runs
    assert after.checkpoints == before.checkpoints
    assert after.versions == before.versions
    assert after.champion == before.champion
    assert "by the last move in git's notes" in ended.stdout
    assert git(root, "rev-parse", "refs/notes/lockstep") == notes
    assert not [*(root / ".lockstep" / "workspaces").glob("*")]


def test_a_second_time_nothing_is_added(root: Path) -> None:
    before = found(root)
    ended = run(root, "lockstep", "sync", "--rebuild")
    assert ended.returncode == 0, ended.stdout
    assert found(root) == before


def test_an_experiment_that_mlflow_missed_is_sent(root: Path) -> None:
    before = found(root)
    nobody = f"http://127.0.0.1:{free_port()}"
    write_params(root, {"register.threshold": 1.0})
    ended = run(root, "lockstep", "run", "seed=3", MLFLOW_TRACKING_URI=nobody)
    git(root, "checkout", "--quiet", "params.yaml")
    assert ended.returncode == 0, ended.stdout
    assert "`lockstep sync` sends what is missing" in ended.stdout
    assert found(root) == before
    ended = run(root, "lockstep", "sync")
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.splitlines()[-1] == "MLflow has all results"
    (name,) = set(found(root).runs) - set(before.runs)
    assert "seed=3" in name
    assert run(root, "lockstep", "sync").stdout == "MLflow has all results\n"


@pytest.mark.parametrize("arguments", [["--rebuild"], []])
def test_results_of_other_parameters_are_not_sent(root: Path, arguments: list[str]) -> None:
    """The workspace has those of seed 0, with which seed 9 was never trained."""
    write_params(root, {"seed": 9})
    key = experiment_key(root)
    unsent = root / ".lockstep" / "unsent" / f"{key}.json"
    unsent.parent.mkdir(exist_ok=True)
    unsent.write_text('{"stage": "train", "status": "FINISHED", "experiment": ""}')
    before = found(root)
    ended = run(root, "lockstep", "sync", *arguments)
    unsent.unlink()
    git(root, "checkout", "--quiet", "params.yaml")
    assert ended.returncode in (1, 3)
    assert f"workspace: {'not sent: ' if arguments else ''}{STALE}" in ended.stdout
    assert found(root) == before


def test_a_run_that_is_nowhere_is_named_with_its_file(root: Path) -> None:
    file = root / ".lockstep" / "unsent" / f"{'0' * 64}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text('{"stage": "train", "status": "KILLED", "experiment": ""}')
    ended = run(root, "lockstep", "sync")
    file.unlink()
    assert ended.returncode == 2
    assert ended.stdout.splitlines()[-1] == (
        f"lockstep sync: got no results of a run without a DVC experiment ({file}), expected a DVC "
        "experiment; run it again, or delete the file"
    )


def test_an_experiment_whose_weights_are_lost_keeps_no_other_back(root: Path) -> None:
    commit, name = git(
        root, "for-each-ref", "--format=%(objectname) %(refname:lstrip=4)", "refs/exps/**/seed-1-*"
    ).split()
    stages = YAML(typ="safe").load(git(root, "show", f"{commit}:dvc.lock"))["stages"]
    md5 = next(each["md5"] for each in stages["train"]["outs"] if "best" in each["path"])
    weights = root / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    weights.rename(root / "lost")
    ended = run(root, "lockstep", "sync", "--rebuild")
    (root / "lost").rename(weights)
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert [line for line in lines if line.startswith(f"{name}: not sent: {STALE}")]
    assert "workspace: sent, up to register" in lines
    assert lines[-1] == "lockstep sync: 1 of 3 weren't sent, expected all"
