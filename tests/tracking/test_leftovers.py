"""What `lockstep gc` finds in MLflow's database, and removes with what was deleted in its pages."""

import platform
import subprocess
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from lockstep.errors import DataError
from lockstep.process.machine import machine_name
from lockstep.tracking import database, leftovers, run_contents, run_tags
from lockstep.tracking.client import connect
from lockstep.versioning import experiments
from tests.support.workspaces import git, load

HERE = platform.node()


@pytest.fixture
def client(tmp_path: Path) -> MlflowClient:
    found, experiment = connect(tmp_path)
    run = found.create_run(experiment.experiment_id, tags={"dvc.experiment": "kept"})
    found.set_terminated(run.info.run_id)
    return found


def kinds(root: Path) -> list[str]:
    return sorted(each.kind for each in leftovers.find(root, set()))


def test_nothing_in_a_whole_database(client: MlflowClient, tmp_path: Path) -> None:
    assert kinds(tmp_path) == []


@pytest.mark.system
def test_what_was_deleted_is_listed_before_it_is_removed(
    client: MlflowClient, tmp_path: Path
) -> None:
    """MLflow's own gc takes all of it, whatever else it is asked for."""
    other = client.create_experiment("other")
    client.create_run(other)
    client.delete_experiment(other)
    assert kinds(tmp_path) == ["experiment deleted in MLflow", "run deleted in MLflow"]
    leftovers.remove(tmp_path, leftovers.find(tmp_path, set()))
    assert kinds(tmp_path) == []
    assert [each.name for each in client.search_experiments(ViewType.ALL)] != []
    assert len(client.search_runs([connect(tmp_path)[1].experiment_id])) == 1


def test_an_interrupted_upload_without_a_run(client: MlflowClient, tmp_path: Path) -> None:
    client.create_logged_model(connect(tmp_path)[1].experiment_id, "model")
    assert kinds(tmp_path) == ["interrupted upload"]


def test_a_database_that_is_damaged_is_named(tmp_path: Path) -> None:
    file = Path(database.ensure(tmp_path).removeprefix("sqlite:///"))
    file.write_bytes(file.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"mlflow\.db: .*`lockstep sync --rebuild"):
        leftovers.find(tmp_path, set())


def test_runs_of_removed_experiments_are_those_of_this_checkout(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another clone may still have the experiment that isn't in git here."""
    here, there = (clone(recorded, tmp_path / name) for name in ("here", "there"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", database.ensure(here))
    finish(here, "own")
    finish(there, "of the other clone")
    for root in (here, there, here):
        finish(root, "of both")
    assert [each.name for each in leftovers.find(here, set())] == ["own"]
    assert [each.name for each in leftovers.find(worktree_of(here), set())] == ["own"]
    assert leftovers.find(here, {"own"}) == []


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ({run_tags.HOST: HERE, run_tags.MACHINE: machine_name()}, 1),
        ({run_tags.HOST: HERE}, 1),
        ({run_tags.HOST: HERE, run_tags.MACHINE: f"{HERE}-0"}, 0),
        ({run_tags.HOST: f"not {HERE}"}, 0),
        ({}, 0),
    ],
)
def test_runs_of_an_earlier_lockstep_are_those_of_this_machine(
    tmp_path: Path, tags: dict[str, str], found: int
) -> None:
    client, experiment = connect(tmp_path)
    named = {"dvc.experiment": "removed", leftovers.WEIGHTS[0]: "md5"}
    run = client.create_run(experiment.experiment_id, tags={**named, **tags})
    client.set_terminated(run.info.run_id)
    assert len(leftovers.find(tmp_path, set())) == found


def clone(source: Path, root: Path) -> Path:
    subprocess.run(["git", "clone", "-q", source, root], check=True)
    return root


def worktree_of(root: Path) -> Path:
    git(root, "worktree", "add", "-q", str(root.with_name("worktree")))
    return root.with_name("worktree")


def finish(root: Path, name: str) -> None:
    """Make the run of an experiment of this name, or open it again, and end it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(experiments.NAME, name)
        client, run = run_contents.open_run(load(root), root, name, {})
    client.set_tag(run.info.run_id, leftovers.WEIGHTS[0], name)
    client.set_terminated(run.info.run_id)
