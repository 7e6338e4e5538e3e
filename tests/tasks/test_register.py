"""One version for each set of weights; the champion alias only moves to a better version."""

import json
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockstep.errors import ParamsError, UnavailableError
from lockstep.modeling.weights import weights_digest
from lockstep.storage import atomic_files
from lockstep.tracking import recorder
from lockstep.tracking.champion import held
from lockstep.tracking.client import connect
from lockstep.tracking.promotion import roll_back
from lockstep.versioning import promotions
from lockstep.versioning.promotions import Move
from tasks import evaluate, register, train
from tests.support.workspaces import change_params, load, stage, with_values

NAME = "digits"


@pytest.fixture
def candidate(judged: Path, tmp_path: Path) -> Path:
    """An evaluated workspace whose model passes the threshold, with an empty registry."""
    root = tmp_path / "lockstep"
    shutil.copytree(judged, root, ignore=shutil.ignore_patterns("mlflow.db", "mlartifacts"))
    change_params(root, {"register.threshold": 0.0, "register.smoke_test": False})
    return root


def client(root: Path) -> Any:
    return connect(root)[0]


def versions(root: Path) -> list[Any]:
    return list(client(root).search_model_versions(f"name = '{NAME}'"))


def champion(root: Path) -> str:
    return str(client(root).get_model_version_by_alias(NAME, "champion").version)


def pretend(root: Path, accuracy: float) -> None:
    """Replace the weights, and set this accuracy, which is to be none of the stored outputs."""
    path = root / "weights" / "best.weights.h5"
    import h5py

    with h5py.File(path, "r+") as file:
        array = file["layers/dense/vars/1"]
        array[...] = array[...] + np.float32(0.001)
    atomic_files.write_json(
        root / "report" / "metrics.json", {"test": {"accuracy": accuracy, "loss": 1}}
    )


@pytest.mark.system
def test_registrations_of_one_checkout_take_turns(candidate: Path) -> None:
    register.register(load(candidate), candidate)
    pretend(candidate, 0.99)
    with ThreadPoolExecutor(1) as another:
        with held(candidate):
            registered = another.submit(register.register, load(candidate), candidate)
            time.sleep(3)  # alone it takes less
            assert len(versions(candidate)) == 1
        registered.result(60)
    assert champion(candidate) == "2"


def test_a_good_model_becomes_version_and_champion(candidate: Path) -> None:
    register.register(load(candidate), candidate)
    (version,) = versions(candidate)
    assert champion(candidate) == str(version.version)
    registered = json.loads((candidate / "report" / "registered.json").read_text())
    weights = candidate / "weights" / "best.weights.h5"
    metrics = json.loads((candidate / "report" / "metrics.json").read_text())["test"]
    assert registered == {
        "name": NAME,
        "digest": weights_digest(weights),
        "metric": "accuracy",
        "value": metrics["accuracy"],
        "threshold": 0.0,
        "verdict": "passed",
    }
    run = client(candidate).get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.tags["model.version"] == f"models:/{NAME}/1"
    verdict = run.data.tags["model.verdict"]
    assert verdict.startswith("champion, the first")
    digest = weights_digest(weights)
    assert promotions.moves(candidate) == [
        Move(NAME, "1", before="", by="register", weights=digest, verdict=verdict)
    ]


def test_the_same_weights_make_no_second_version(candidate: Path) -> None:
    for _ in range(2):
        register.register(load(candidate), candidate)
    assert len(versions(candidate)) == 1


@pytest.mark.system
def test_a_version_made_before_a_crash_still_gets_the_alias(candidate: Path) -> None:
    register.register(load(candidate), candidate)
    client(candidate).delete_registered_model_alias(NAME, "champion")
    register.register(load(candidate), candidate)
    assert len(versions(candidate)) == 1
    assert champion(candidate) == "1"


@pytest.mark.system
def test_the_champion_moves_only_to_a_better_version(candidate: Path) -> None:
    values = load(candidate)
    for accuracy, leader in ((0.8015, "1"), (0.7015, "1"), (0.8015, "1"), (0.9015, "4")):
        pretend(candidate, accuracy)
        register.register(values, candidate)
        assert champion(candidate) == leader, accuracy
    assert len(versions(candidate)) == 4


@pytest.mark.system
def test_the_champion_needs_to_be_beaten_by_min_delta(candidate: Path) -> None:
    values = change_params(candidate, {"register.min_delta": 0.05})
    for accuracy, leader in ((0.8015, "1"), (0.8415, "1"), (0.8615, "3")):
        pretend(candidate, accuracy)
        register.register(values, candidate)
        assert champion(candidate) == leader, accuracy


@pytest.mark.system
def test_a_version_that_was_rolled_back_is_not_promoted_again(candidate: Path) -> None:
    values = load(candidate)
    for accuracy in (0.8015, 0.9015):
        pretend(candidate, accuracy)
        register.register(values, candidate)
    roll_back(candidate, NAME)
    register.register(values, candidate)
    assert champion(candidate) == "1"
    second = client(candidate).get_model_version(NAME, "2")
    assert second.tags["verdict"].startswith("not champion: it was rolled back, with accuracy 0.9")


@pytest.mark.system
def test_a_worse_model_is_not_champion_after_its_version_was_deleted(candidate: Path) -> None:
    values = load(candidate)
    for accuracy in (0.8015, 0.9515, 0.9015):
        pretend(candidate, accuracy)
        register.register(values, candidate)
    client(candidate).delete_model_version(NAME, "2")  # the champion
    pretend(candidate, 0.8515)
    register.register(values, candidate)
    fourth = client(candidate).get_model_version(NAME, "4")
    assert fourth.tags["verdict"] == (
        "not champion: accuracy 0.8515, version 3 has 0.9015; none is champion: `lockstep promote "
        "3` makes version 3 it"
    )
    assert "champion" not in client(candidate).get_registered_model(NAME).aliases
    pretend(candidate, 0.9715)
    register.register(values, candidate)
    assert champion(candidate) == "5"


@pytest.mark.system
def test_a_middling_model_does_not_win_if_the_alias_was_moved_to_a_worse_one(
    candidate: Path,
) -> None:
    values = load(candidate)
    for accuracy in (0.8015, 0.9515):
        pretend(candidate, accuracy)
        register.register(values, candidate)
    client(candidate).set_registered_model_alias(NAME, "champion", "1")
    for accuracy, leader in ((0.8515, "1"), (0.7015, "1"), (0.9715, "5")):
        pretend(candidate, accuracy)
        register.register(values, candidate)
        assert champion(candidate) == leader, accuracy
    third = client(candidate).get_model_version(NAME, "3")
    assert third.tags["verdict"] == "not champion: accuracy 0.8515, version 2 has 0.9515"


@pytest.mark.system
def test_the_best_has_the_lowest_value_of_an_error(candidate: Path) -> None:
    values = change_params(
        candidate, {"register.metric": "y_rmse", "register.threshold": 1.0, "register.mode": "min"}
    )
    for error in (0.4, 0.2):
        pretend(candidate, 0.5)
        atomic_files.write_json(candidate / "report" / "metrics.json", {"test": {"y_rmse": error}})
        register.register(values, candidate)
    client(candidate).set_registered_model_alias(NAME, "champion", "1")
    pretend(candidate, 0.5)
    atomic_files.write_json(candidate / "report" / "metrics.json", {"test": {"y_rmse": 0.3}})
    register.register(values, candidate)
    assert champion(candidate) == "1"


@pytest.mark.system
def test_a_version_that_was_rolled_back_keeps_no_other_back(candidate: Path) -> None:
    values = load(candidate)
    for accuracy in (0.8015, 0.9515):
        pretend(candidate, accuracy)
        register.register(values, candidate)
    roll_back(candidate, NAME)
    pretend(candidate, 0.8515)
    register.register(values, candidate)
    assert champion(candidate) == "3"


def test_a_model_of_a_fold_keeps_no_other_back(candidate: Path) -> None:
    pretend(candidate, 0.9515)
    register.register(change_params(candidate, {"data.folds": 5, "data.fold": 2}), candidate)
    pretend(candidate, 0.8515)
    register.register(change_params(candidate, {"data.folds": None, "data.fold": 1}), candidate)
    assert champion(candidate) == "2"


def test_a_champion_of_other_test_data_is_not_compared(candidate: Path) -> None:
    register.register(load(candidate), candidate)
    pretend(candidate, 0.999)
    labels = candidate / "data" / "ready" / "test_y.npy"
    np.save(labels, np.load(labels)[::-1])
    register.register(load(candidate), candidate)
    assert champion(candidate) == "1"
    second = client(candidate).get_model_version(NAME, "2")
    assert second.tags["verdict"].startswith("not compared")


def test_a_model_of_a_fold_is_never_champion(candidate: Path) -> None:
    register.register(change_params(candidate, {"data.folds": 5, "data.fold": 2}), candidate)
    (version,) = versions(candidate)
    assert version.tags["verdict"].startswith("not champion: it was trained for fold 2 of 5, with")
    assert "champion" not in client(candidate).get_registered_model(NAME).aliases


def test_a_poor_model_is_not_registered(candidate: Path) -> None:
    register.register(change_params(candidate, {"register.threshold": 0.999}), candidate)
    assert versions(candidate) == []
    verdict = json.loads((candidate / "report" / "registered.json").read_text())
    assert verdict["verdict"] == "refused"


def test_an_unknown_metric_lists_the_measured_ones(candidate: Path) -> None:
    values = change_params(candidate, {"register.metric": "acuracy"})
    with pytest.raises(ParamsError, match="got 'acuracy', expected one of loss, accuracy"):
        register.register(values, candidate)


@pytest.mark.parametrize(("mode", "leader"), [("min", "1"), ("max", "2")])
def test_the_mode_says_which_value_is_better(candidate: Path, mode: str, leader: str) -> None:
    gate = {"register.metric": "hits", "register.mode": mode, "register.threshold": 0.5}
    values = change_params(candidate, gate)
    for hits in (0.5, 0.5 + (0.1 if mode == "max" else 0.0)):
        pretend(candidate, hits)
        atomic_files.write_json(candidate / "report" / "metrics.json", {"test": {"hits": hits}})
        register.register(values, candidate)
    assert champion(candidate) == leader


def test_a_metric_of_unknown_direction_is_reported_before_training(ready: Path) -> None:
    change_params(ready, {"register.metric": "hits"})
    ended = stage(ready, "train", LOCKSTEP_FORBIDDEN="tensorflow,keras,mlflow")
    assert (ended.returncode, ended.stdout) == (
        2,
        "train: register.metric: got 'hits', a metric with no known direction, "
        "expected register.mode min or max with it\n",
    )


@pytest.mark.parametrize(
    ("metric", "value", "verdict"),
    [("poisson", 0.2, "passed"), ("poisson", 0.4, "refused"), ("y_rmse", 0.2, "passed")],
)
def test_a_lower_error_passes_the_threshold(
    candidate: Path, metric: str, value: float, verdict: str
) -> None:
    values = change_params(candidate, {"register.metric": metric, "register.threshold": 0.3})
    atomic_files.write_json(candidate / "report" / "metrics.json", {"test": {metric: value}})
    register.register(values, candidate)
    registered = json.loads((candidate / "report" / "registered.json").read_text())
    assert registered["verdict"] == verdict


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "digits"),
        ({"data.name": "mnist"}, "mnist"),
        ({"register.name": "mine"}, "mine"),
        ({"data.name": "csv", "data.path": "/home/me/house prices.csv"}, "house-prices"),
        ({"data.name": "folder", "data.path": "/home/me/pictures"}, "pictures"),
    ],
)
def test_a_model_is_named_by_its_data(changes: dict[str, Any], name: str) -> None:
    assert with_values(changes).registered_name == name


def test_an_unreachable_registry_is_a_temporary_failure(
    candidate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(UnavailableError, match=r"MLflow: .*start it or set MLFLOW_TRACKING_URI"):
        register.register(load(candidate), candidate)
    assert not (candidate / "report" / "registered.json").exists()


def test_a_value_that_mlflow_refuses_is_bad_parameters(
    candidate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    values = change_params(candidate, {"train.freeze": ["x" * 7000]})
    with pytest.raises(ParamsError, match=r"^MLflow refuses a value: .*6000 characters"):
        register.register(values, candidate)
    assert not (candidate / "report" / "registered.json").exists()


@pytest.mark.system
def test_training_goes_on_without_mlflow(
    ready: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = load(ready)
    recorder.say_once.cache_clear()  # another test of this process may have met the same
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        train.train(values, ready)
    assert "the next stage or `lockstep sync` sends what is missing" in capsys.readouterr().err
    assert not (ready / "mlflow.db").exists()
    evaluate.evaluate(values, ready)
    connected, experiment = connect(ready)
    (run,) = connected.search_runs([experiment.experiment_id])
    history = connected.get_metric_history(run.info.run_id, "val_loss")
    assert [point.step for point in history] == [1, 2]


@pytest.mark.system
def test_an_experiment_has_one_run_even_if_logged_again(ready: Path) -> None:
    values = load(ready)
    for _ in range(2):
        train.train(values, ready)
        evaluate.evaluate(values, ready)
    connected, experiment = connect(ready)
    (run,) = connected.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    for metric in ("loss", "val_accuracy", "learning_rate"):
        history = connected.get_metric_history(run.info.run_id, metric)
        assert [point.step for point in history] == [1, 2]
    assert len(run.inputs.dataset_inputs) == 0  # without dvc.lock there are no hashes to log


@pytest.mark.system
def test_other_parameters_are_another_run(ready: Path) -> None:
    for seed in (0, 1):
        train.train(change_params(ready, {"seed": seed}), ready)
    connected, experiment = connect(ready)
    runs = connected.search_runs([experiment.experiment_id])
    assert sorted(run.data.params["seed"] for run in runs) == ["0", "1"]


def test_what_changes_no_result_may_change_in_a_run(ready: Path) -> None:
    """MLflow's parameters can't change, and the advice for too little memory is data_placement."""
    found = set()
    for placement, seconds in (("device", 60), ("disk", 5)):
        changes = {"train.data_placement": placement, "train.snapshot_seconds": seconds}
        with recorder.record(change_params(ready, changes), ready, "train") as run:
            found.add(run.reach()[1].info.run_id)
    assert len(found) == 1


def test_a_diverged_run_is_a_failed_run(ready: Path) -> None:
    from lockstep.errors import DivergedError

    values = change_params(ready, {"train.learning_rate": 1e38, "train.optimizer": "sgd"})
    with pytest.raises(DivergedError):
        train.train(values, ready)
    connected, experiment = connect(ready)
    (run,) = connected.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
