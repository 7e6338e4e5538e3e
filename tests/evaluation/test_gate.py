"""What can't work with the data is refused before training, in one line."""

from pathlib import Path
from typing import Any, get_args

import pytest

from lockstep.config.schema import TargetKind
from lockstep.data.spec import Input, Spec, Target, target_kinds, write_spec
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import DIRECTIONS
from lockstep.evaluation.gate import check_before_training
from lockstep.evaluation.register_metric import register_metric
from lockstep.evaluation.reports import report_of
from lockstep.evaluation.reports.names import SCORES
from tests.support.workspaces import change_params

TABLE = Input("table", [4], "float32", {})
TEXT = Input("text", [5], "uint16", {}, words=["", "[unknown]"])
SERIES = Input("series", [7, 2], "float32", {})
CLASSES = Target("classification", ["a", "b", "c"])
NUMBER = Target("regression")
EARLY = {"name": "EarlyStopping"}


@pytest.fixture
def refused(project: Path) -> Any:
    """Return a function: the message for these data and parameters, None if they are taken."""

    def act(
        changes: dict[str, Any],
        target: Target | None = CLASSES,
        given: Input = TABLE,
        *,
        validation: bool = True,
    ) -> str | None:
        splits = {"train": 8, "test": 2} | ({"validation": 2} if validation else {})
        (project / "data" / "ready").mkdir(parents=True, exist_ok=True)
        spec = Spec("csv", {"x": given}, {"y": target} if target else {}, splits, "unit")
        write_spec(spec, project / "data" / "ready")
        values = change_params(project, {"model.name": "mlp", "data.name": "csv", **changes})
        try:
            check_before_training(values, project)
        except ParamsError as error:
            return str(error)
        return None

    return act


@pytest.mark.parametrize(
    "callback",
    [
        {**EARLY, "monitor": "val_acc"},
        {"name": "ReduceLROnPlateau", "monitor": "val_acc"},
        {"name": "ModelCheckpoint", "monitor": "val_acc", "save_best_only": True},
    ],
)
def test_a_monitor_that_is_not_logged(refused: Any, callback: dict[str, Any]) -> None:
    assert refused({"train.callbacks": [callback]}) == (
        "train.callbacks[0].monitor: got 'val_acc', expected one of accuracy, loss, val_accuracy, "
        "val_loss; did you mean val_accuracy?"
    )


def test_the_metric_of_the_best_weights_must_be_logged(refused: Any) -> None:
    assert refused({"train.monitor": "val_acc"}).startswith(
        "train.monitor: got 'val_acc', expected"
    )
    assert refused({"train.monitor": "val_accuracy"}) is None


def test_a_metric_of_one_class_may_be_monitored(refused: Any) -> None:
    changes = {"train.metrics": ["F1Score"], "train.monitor": "val_f1_score_2"}
    assert refused(changes) is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("{epoch}-{val_acc:.2f}.keras", "got the name {val_acc}, expected one of epoch, batch"),
        ("{epoch:02q}.keras", "which can't be formatted"),
        ("{epoch", "which can't be formatted"),
        ("../{epoch}.keras", "expected a path inside the experiment's folder"),
        ("/var/x.keras", "expected a path inside the experiment's folder"),
    ],
)
def test_a_file_name_that_cannot_be(refused: Any, path: str, said: str) -> None:
    line = refused({"train.callbacks": [{"name": "ModelCheckpoint", "filepath": path}]})
    assert line.startswith("train.callbacks[0].filepath: got ")
    assert said in line


def test_a_file_name_with_a_metric(refused: Any) -> None:
    path = "{epoch:02d}-{val_accuracy:.2f}.keras"
    assert refused({"train.callbacks": [{"name": "ModelCheckpoint", "filepath": path}]}) is None


def test_a_log_stays_in_its_folder(refused: Any) -> None:
    line = refused({"train.callbacks": [{"name": "CSVLogger", "filename": "../log.csv"}]})
    assert line.startswith("train.callbacks[0].filename: got '../log.csv', expected a path inside")


def test_early_stopping_needs_a_validation_split(refused: Any) -> None:
    assert refused({"train.callbacks": [EARLY]}, validation=False) == (
        "train.callbacks[0].monitor: got 'val_loss' without a validation split, expected "
        "data.validation_split above 0, or loss"
    )
    assert refused({"train.callbacks": [{**EARLY, "monitor": "loss"}]}, validation=False) is None


def test_the_gate_takes_what_evaluate_writes(refused: Any) -> None:
    line = refused({"register.metric": "accuracy"}, NUMBER)
    assert line == (
        "register.metric: got 'accuracy', expected auto or one of loss, mean_absolute_error, mae, "
        "rmse, r2"
    )
    assert refused({"register.metric": "rmse"}, NUMBER) is None
    assert refused({"register.metric": "auto"}, NUMBER) is None


@pytest.mark.parametrize("metric", ["accuracy", "AUC", "Precision", "BinaryCrossentropy"])
def test_numbers_have_no_metric_of_classes(refused: Any, metric: str) -> None:
    line = refused({"train.metrics": [metric]}, NUMBER)
    assert "isn't for the target kind regression with 1 number; expected auto, one of" in line
    assert "MeanSquaredError" in line


def test_data_without_targets_need_a_threshold_of_their_own(refused: Any) -> None:
    mine = {"model.name": "naive"}
    assert refused(mine, None).startswith("model.naive: takes targets of the kind classification")


@pytest.mark.parametrize(
    ("model", "given", "target", "said"),
    [
        (
            "lstm",
            TABLE,
            CLASSES,
            "model.lstm: takes inputs of the kind text or series, data.name csv gives table",
        ),
        ("mlp", TEXT, CLASSES, "choose one of any, gru, lstm, or other data (data.input_kind)"),
        (
            "cnn",
            SERIES,
            CLASSES,
            "model.cnn: takes inputs of the kind image, data.name csv gives series",
        ),
        (
            "mlp",
            TABLE,
            Target("mask", ["a", "b"], [4, 4]),
            "choose one of unet, or other data (data.target_kind)",
        ),
    ],
)
def test_a_model_that_does_not_take_the_data(
    refused: Any, model: str, given: Input, target: Target, said: str
) -> None:
    assert said in refused({"model.name": model}, target, given)


def test_the_default_metric_follows_the_kind(project: Path) -> None:
    values = change_params(project, {})
    for target, metric in (
        (CLASSES, "accuracy"), (NUMBER, "r2"), (Target("multilabel", ["a"], [1]), "macro_f1"),
        (Target("mask", ["a", "b"], [2, 2]), "mean_iou"), (Target("image", [], [2, 2]), "r2"),
    ):  # fmt: skip
        assert register_metric(values, Spec("x", {}, {"y": target}, {}, "unit")) == metric
    with pytest.raises(
        ParamsError, match=r"^register\.threshold: got 0\.9 for data without targets"
    ):
        register_metric(values, Spec("x", {}, {}, {}, "unit"))
    free = change_params(project, {"register.threshold": None})
    assert register_metric(free, Spec("x", {}, {}, {}, "unit")) == "loss"


def test_the_scores_of_each_kind_are_listed() -> None:
    import numpy as np

    for (kind, values), names in SCORES.items():
        classes = [] if values == "numbers" else ["a", "b"]
        shape = {"mask": [2, 2], "image": [2, 2], "sequence": [3], "multilabel": [2]}.get(kind, [])
        target = Target(kind, classes, shape)
        report = report_of(target)
        y = np.arange(2 * int(np.prod(shape))).reshape(2, *shape) % 2
        report.add(y, np.full((2, *target.output_shape), 0.3, np.float32))
        assert set(report.scores()) == set(names)
        assert set(names) <= set(DIRECTIONS)


@pytest.mark.parametrize("loss", ["BinaryCrossentropy", "CategoricalCrossentropy"])
def test_numbers_have_no_loss_of_classes(refused: Any, loss: str) -> None:
    line = refused({"train.loss": loss}, NUMBER)
    assert line.startswith(f"train.loss: got {loss}, which isn't for the target kind regression")


def test_the_keys_of_params_are_the_kinds_there_are() -> None:
    assert get_args(TargetKind) == ("auto", *target_kinds.KINDS, target_kinds.NONE)
