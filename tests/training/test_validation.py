"""What validates while training: a split of the data's own, a drawn share, or the test split."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from lockstep.errors import ParamsError
from lockstep.evaluation.monitors import check_monitors, validation_split
from tests.support.workspaces import change_params, load, run_stages, with_values

ON_TEST = {"train.validation": "test", "data.validation_split": 0}


def test_the_test_split_validates_only_if_it_is_asked_for() -> None:
    both, without = ("train", "validation", "test"), ("train", "test")
    assert validation_split(with_values({}), both) == "validation"
    assert validation_split(with_values({}), without) is None
    assert validation_split(with_values(ON_TEST), without) == "test"
    assert validation_split(with_values(ON_TEST), both) == "test"


def test_a_monitor_of_validation_may_be_of_the_test_split(tmp_path: Path) -> None:
    from lockstep.data.spec import Input, Spec, Target, write_spec
    from lockstep.evaluation.gate import check_before_training
    from tests.support.workspaces import REPOSITORY

    early = {"train.callbacks": [{"name": "EarlyStopping", "monitor": "val_loss"}]}
    target = {"y": Target("classification", ["a", "b", "c"])}
    splits = {"train": 50, "test": 9}
    spec = Spec("digits", {"x": Input("image", [8, 8], "uint8", {})}, target, splits, "unit")
    for name in ("models", "tasks"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "data" / "ready").mkdir(parents=True)
    write_spec(spec, tmp_path / "data" / "ready")
    check_before_training(with_values({**early, **ON_TEST}), tmp_path)
    with pytest.raises(ParamsError, match="got 'val_loss' without a validation split"):
        check_before_training(with_values(early), tmp_path)


def test_examples_are_not_held_out_for_nothing() -> None:
    line = r"train\.validation: got test with data\.validation_split 0\.1, expected 0: otherwise"
    with pytest.raises(ParamsError, match=line):
        with_values({"train.validation": "test"})


def test_monitors_are_told_without_validation() -> None:
    values = with_values({"train.monitor": "val_accuracy"})
    with pytest.raises(ParamsError, match=r"train\.monitor: got 'val_accuracy' without a valid"):
        check_monitors(values, [], ["loss", "accuracy"], validation=False)


@pytest.mark.system
def test_epochs_are_validated_on_the_test_split_and_the_run_says_so(
    ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lockstep.tracking.client import connect

    values = {
        "evaluate.weights": "last", "train.epochs": 2, "register.threshold": None,
        "train.metrics": ["SparseCategoricalAccuracy"],
    }  # fmt: skip
    change_params(ready, {**values, **ON_TEST})
    run_stages(ready, "normalize", "build", "train", "evaluate", "register")
    assert "validation: the test split, by train.validation" in capsys.readouterr().err
    with (ready / "report" / "history.csv").open(newline="") as lines:
        last = list(csv.DictReader(lines))[-1]
    test: dict[str, Any] = json.loads((ready / "report" / "metrics.json").read_text())["test"]
    name = "sparse_categorical_accuracy"
    assert float(last[f"val_{name}"]) == pytest.approx(test[name], abs=1e-6)
    client, experiment = connect(ready)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.tags["lockstep.validation"] == "test"
    (version,) = client.search_model_versions(f"name = '{load(ready).registered_name}'")
    assert version.tags["validation"] == "test"
