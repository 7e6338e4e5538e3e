"""Whether two groups of seeds differ: a planted difference is found, and noise is none."""

from collections.abc import Sequence

import numpy as np
import pytest

from lockstep.data.spec import Target
from lockstep.evaluation.challenge import Outputs
from lockstep.evaluation.group_difference import over_examples_and_seeds, over_seeds

CLASSES = ("a", "b", "c", "d")
EXAMPLES = 1500


@pytest.fixture
def y() -> np.ndarray:
    return np.random.default_rng(1).integers(len(CLASSES), size=EXAMPLES)


def group(y: np.ndarray, accuracy: float, seeds: Sequence[int]) -> list[Outputs]:
    """Outputs of models that fail mostly on the same hard examples, each a bit differently."""
    target = Target(kind="classification", classes=CLASSES)
    hard = np.random.default_rng(2).random(EXAMPLES)
    found = []
    for seed in seeds:
        random = np.random.default_rng(100 + seed)
        wrong = hard + random.normal(0, 0.02, EXAMPLES) > accuracy + random.normal(0, 0.002)
        predicted = np.where(wrong, (y + 1) % len(CLASSES), y)
        found.append(Outputs(np.eye(len(CLASSES), dtype=np.float32)[predicted], target))
    return found


def test_a_planted_difference_of_two_points_is_found(y: np.ndarray) -> None:
    first, second = group(y, 0.90, range(5)), group(y, 0.92, range(5, 10))
    found = over_examples_and_seeds(y, first, second, ["accuracy", "macro_recall"])["accuracy"]
    assert found.is_certain
    assert found.low < 0.02 < found.high
    assert found.difference == pytest.approx(0.02, abs=0.006)


def test_two_halves_of_one_group_do_not_differ(y: np.ndarray) -> None:
    whole = group(y, 0.90, range(10))
    found = over_examples_and_seeds(y, whole[:5], whole[5:], ["accuracy"])["accuracy"]
    assert not found.is_certain
    scores = [{"accuracy": each.score(y, "accuracy")} for each in whole]
    assert not over_seeds(scores[::2], scores[1::2])["accuracy"].is_certain


def test_few_test_examples_make_the_same_difference_uncertain(y: np.ndarray) -> None:
    few = np.arange(60)
    groups = [
        [each.at(few) for each in group(y, accuracy, seeds)]
        for accuracy, seeds in ((0.90, range(5)), (0.92, range(5, 10)))
    ]
    assert not over_examples_and_seeds(y[few], *groups, ["accuracy"])["accuracy"].is_certain


def test_one_model_each_is_compared_over_examples_alone(y: np.ndarray) -> None:
    first, second = group(y, 0.90, [0]), group(y, 0.93, [1])
    assert over_examples_and_seeds(y, first, second, ["accuracy"])["accuracy"].is_certain
    with pytest.raises(ValueError, match="one seed"):
        over_seeds([{"accuracy": 0.9}], [{"accuracy": 0.92}])
