"""What `lockstep gc` finds in MLflow's database, and removes with what was deleted in its pages."""

from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import ViewType

from lockstep.errors import DataError
from lockstep.tracking import database, leftovers
from lockstep.tracking.client import connect


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
