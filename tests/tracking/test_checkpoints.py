"""The weights that a training wrote, as logged models of MLflow."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.support.workspaces import SMALL, change_params, load, run_stages

pytestmark = pytest.mark.system

SAVED = {"name": "ModelCheckpoint", "filepath": "epoch-{epoch}.keras"}
WEIGHTS = {
    "name": "ModelCheckpoint",
    "filepath": "of/{epoch}.weights.h5",
    "save_weights_only": True,
}


class Trained(NamedTuple):
    root: Path
    models: dict[str, Any]  # by name


@pytest.fixture(scope="module")
def trained(make_workspace: Callable[..., Path], tensorflow: Any) -> Trained:
    """Two epochs with files of two ModelCheckpoints."""
    root: Path = make_workspace(name="checkpoints")
    change_params(
        root, {**SMALL, "train.callbacks": [SAVED, WEIGHTS], "tracking.checkpoints": "all"}
    )
    run_stages(root, "download", "normalize", "build", "train", "evaluate")
    return Trained(root, logged(root))


def logged(root: Path) -> dict[str, Any]:
    from lockstep.tracking.client import connect

    client, experiment = connect(root)
    found = client.search_logged_models([experiment.experiment_id])
    assert len({each.name for each in found}) == len(found)
    return {each.name: each for each in found}


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_each_file_has_its_epoch(trained: Trained) -> None:
    history = rows(trained.root / "report" / "history.csv")
    best = min(history, key=lambda row: float(row["val_loss"]))["epoch"]
    listed = [tuple(each.values()) for each in rows(trained.root / "report" / "checkpoints.csv")]
    assert listed == [
        ("best", best),
        ("epoch-1.keras", "1"),
        ("epoch-2.keras", "2"),
        ("of/1.weights.h5", "1"),
        ("of/2.weights.h5", "2"),
        ("last", "2"),
    ]


def test_each_is_a_logged_model_with_the_metrics_of_its_epoch(trained: Trained) -> None:
    history = {row["epoch"]: row for row in rows(trained.root / "report" / "history.csv")}
    names = {"best", "epoch-1-keras", "epoch-2-keras", "of-1-weights-h5", "of-2-weights-h5", "last"}
    assert set(trained.models) == names
    for model in trained.models.values():
        row = history[model.tags["checkpoint.epoch"]]
        found = {each.key: each.value for each in model.metrics if "test_" not in each.key}
        assert found == pytest.approx({key: float(row[key]) for key in row if key != "epoch"})
        assert model.params["model.name"] == "mlp"
        assert str(model.status) == "READY"


def test_only_the_evaluated_weights_have_test_metrics(trained: Trained) -> None:
    tested = [
        name
        for name, model in trained.models.items()
        if any(each.key == "test_accuracy" for each in model.metrics)
    ]
    assert tested == ["best"]


def test_mlflow_has_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    from mlflow.artifacts import download_artifacts

    from lockstep.tracking.client import as_default, connect

    with as_default(connect(trained.root)[0]):
        uri = f"models:/{trained.models['best'].model_id}"
        copy = Path(download_artifacts(uri, dst_path=str(tmp_path)), "best.weights.h5")
    original = trained.root / "weights" / "best.weights.h5"
    assert copy.read_bytes() == original.read_bytes()
    assert original.stat().st_nlink == 1


def test_a_second_time_none_is_added(trained: Trained) -> None:
    from lockstep.tracking import recorder

    with recorder.record(load(trained.root), trained.root, "evaluate"):
        pass
    again = logged(trained.root)
    assert {name: each.model_id for name, each in again.items()} == {
        name: each.model_id for name, each in trained.models.items()
    }
    for name, model in again.items():
        assert len(model.metrics) == len(trained.models[name].metrics)


def test_a_checkpoint_whose_upload_was_killed_is_completed(trained: Trained) -> None:
    from lockstep.tracking import checkpoints, recorder
    from lockstep.tracking.client import connect

    client, _ = connect(trained.root)
    model = trained.models["last"]
    client.delete_logged_model(model.model_id)
    with recorder.record(load(trained.root), trained.root, "train") as run:
        _, found = run.reach()
        md5 = trained.models["last"].tags[checkpoints.MD5]
        tags = {checkpoints.NAME: "last", checkpoints.MD5: md5}
        created = client.create_logged_model(
            found.info.experiment_id, "last", found.info.run_id, tags
        )
    ended = logged(trained.root)["last"]
    assert (ended.model_id, str(ended.status)) == (created.model_id, "READY")


def test_a_checkpoint_has_the_bits_of_the_last_training(trained: Trained) -> None:
    """Another machine may train the same experiment with other bits."""
    from lockstep.storage import atomic_files
    from lockstep.tracking import recorder

    best = trained.root / "weights" / "best.weights.h5"
    before = best.read_bytes()
    best.write_bytes((trained.root / "weights" / "initial.weights.h5").read_bytes())
    with recorder.record(load(trained.root), trained.root, "train"):
        pass
    found = logged(trained.root)["best"]
    assert found.tags["checkpoint.md5"] == atomic_files.md5(best)
    assert {each.key for each in found.metrics} >= {"loss", "val_loss"}
    best.write_bytes(before)


def test_metrics_that_are_there_without_their_data_are_not_refused(
    trained: Trained, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after `python -m tasks train` with a dvc.lock that came or went since."""
    from lockstep.tracking import recorder

    lock = trained.root / "dvc.lock"
    lock.write_text(
        "schema: '2.0'\nstages:\n  normalize:\n    cmd: python -m tasks normalize\n    outs:\n"
        "    - path: data/ready\n      md5: d41d8cd98f00b204e9800998ecf8427e.dir\n"
    )
    with recorder.record(load(trained.root), trained.root, "evaluate"):
        pass
    lock.unlink()
    assert "mlflow: " not in capsys.readouterr().err


def epochs(root: Path, callback: dict[str, Any], rate: float) -> dict[str, str]:
    """The epoch of each checkpoint of a training with a callback."""
    change_params(root, {"train.callbacks": [callback], "train.learning_rate": rate})
    run_stages(root, "train")
    listed = rows(root / "report" / "checkpoints.csv")
    return {each["checkpoint"]: each["epoch"] for each in listed}


def test_averaged_weights_have_none(trained: Trained) -> None:
    optimizer = {"name": "adam", "use_ema": True}
    change_params(trained.root, {"train.optimizer": optimizer})
    run_stages(trained.root, "train")
    found = rows(trained.root / "report" / "checkpoints.csv")[-1]
    change_params(trained.root, {"train.optimizer": "adam"})
    assert found == {"checkpoint": "last", "epoch": ""}


def test_a_run_that_isnt_evaluated_has_no_test_metrics_of_the_one_before(trained: Trained) -> None:
    from lockstep.tracking import run_contents
    from lockstep.tracking.client import connect
    from lockstep.versioning.hashes import experiment_key

    root = trained.root
    change_params(root, {"seed": 5})
    run_stages(root, "train")
    client, experiment = connect(root)
    run = run_contents.find(client, experiment, experiment_key(root))
    change_params(root, {"seed": 0})
    assert run
    assert not [name for name in run.data.metrics if name.startswith("test_")]
    assert "test split" not in run.data.tags["mlflow.note.content"]
    query = f"source_run_id = '{run.info.run_id}'"
    models = client.search_logged_models([experiment.experiment_id], query)
    assert models
    assert not [each for model in models for each in model.metrics if "test_" in each.key]


def test_weights_that_were_restored_at_the_end_have_none(trained: Trained) -> None:
    # The best by its rule is the first epoch, and by train.monitor the second.
    restore = {"name": "EarlyStopping", "monitor": "val_loss", "mode": "max", "patience": 9}
    found = epochs(trained.root, {**restore, "restore_best_weights": True}, rate=0.01)
    assert found == {"best": "2", "last": ""}


def test_weights_of_the_middle_of_an_epoch_have_none(trained: Trained) -> None:
    found = epochs(trained.root, {**SAVED, "save_freq": 3}, rate=0.01)
    assert found == {
        "best": found["best"], "epoch-1.keras": "", "epoch-2.keras": "", "last": "2",
    }  # fmt: skip
