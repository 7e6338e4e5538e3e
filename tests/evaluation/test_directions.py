"""Whether higher or lower is better is known for each Keras metric, and for no other."""

from typing import Any

import pytest

from lockstep.config import keras_names
from lockstep.errors import ParamsError
from lockstep.evaluation.directions import HIGHER, LOWER, direction, improvement

TARGETS = ("digit", "y")
ARGUMENTS: dict[str, dict[str, Any]] = {
    "IoU": {"num_classes": 2, "target_class_ids": [0]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 2, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 2},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
COUNTS = {"FalseNegatives", "FalsePositives", "TrueNegatives", "TruePositives"}


def test_each_metric_of_keras_is_in_the_table() -> None:
    assert sorted([*HIGHER, *LOWER]) == sorted(keras_names.METRICS)


def test_names_and_directions_are_those_of_keras(tensorflow: Any) -> None:
    import keras

    for table, up in ((HIGHER, "up"), (LOWER, "down")):
        for name, logged in table.items():
            keras.utils.clear_session(free_memory=False)
            metric = getattr(keras.metrics, name)(**ARGUMENTS.get(name, {}))
            assert metric.name == logged
            assert name in COUNTS or metric._direction == up, name


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("accuracy", "max"),
        ("r2", "max"),
        ("loss", "min"),
        ("poisson", "min"),
        ("logcosh", "min"),
        ("digit_mae", "min"),
        ("digit_accuracy", "max"),
        ("digit_loss", "min"),
        ("y_rmse", "min"),
        ("cosine_similarity", "max"),
        ("false_positives", "min"),
        ("val_digit_accuracy", "max"),
        ("f1_score_7", "max"),
        ("digit_f1_score_7", "max"),
    ],
)
def test_a_known_metric_has_its_direction(metric: str, expected: str) -> None:
    assert direction(metric, "auto", TARGETS, "register.metric") == expected


@pytest.mark.parametrize(
    "metric", ["acuracy", "not_accuracy", "digit_hits", "loss2", "parity_accuracy", "my_loss"]
)
def test_an_unknown_metric_needs_a_mode(metric: str) -> None:
    with pytest.raises(ParamsError) as caught:
        direction(metric, "auto", TARGETS, "register.metric")
    assert str(caught.value) == (
        f"register.metric: got {metric!r}, a metric with no known direction, "
        "expected register.mode min or max with it"
    )
    assert direction(metric, "min", TARGETS, "register.metric") == "min"
    assert direction(metric, "max", TARGETS, "register.metric") == "max"


def test_an_improvement_is_positive() -> None:
    assert improvement(0.75, 0.5, "max") == 0.25
    assert improvement(0.75, 0.5, "min") == -0.25
