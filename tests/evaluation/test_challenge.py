"""A challenger is compared with the champion by what both give for the same test examples."""

from typing import Any

import numpy as np
import pytest

from lockstep.config.schema import Register
from lockstep.data.spec import Target
from lockstep.data.spec.targets import PROBABILITIES, SCORES
from lockstep.evaluation import verdict
from lockstep.evaluation.challenge import Challenge, Outputs, challenge, reproduced
from tests.support.workspaces import with_values

TARGET = Target("classification", ["a", "b", "c"])
Y = np.arange(300) % 3


def outputs(*wrong: int) -> Outputs:
    """Those of a model that gives the next class for some of the examples."""
    given = Y.copy()
    given[list(wrong)] = (given[list(wrong)] + 1) % 3
    return Outputs(np.eye(3, dtype=np.float32)[given], TARGET)


def compared(mine: Outputs, theirs: Outputs) -> Challenge:
    return challenge(Y, mine, theirs, "accuracy", "max", None)


def judged(found: Challenge, **limits: Any) -> verdict.Verdict:
    register: Register = with_values(
        {f"register.{key}": each for key, each in limits.items()}
    ).register
    return verdict.by_outputs(found, "version 1", register)


BETTER = compared(outputs(*range(9)), outputs(*range(60)))
BARELY = compared(outputs(*range(30)), outputs(*range(28, 60)))
ONE_CLASS = compared(outputs(*range(0, 60, 3)), outputs(*range(1, 100, 3), *range(2, 100, 3)))


def test_the_interval_is_that_of_paired_differences() -> None:
    gains = np.repeat([1.0, 0.0], [51, 249])  # examples that only the challenger gets right
    error = 1.96 * gains.std() / np.sqrt(len(gains))
    assert BETTER.improvement == pytest.approx(0.17)
    assert BETTER.low == pytest.approx(gains.mean() - error, abs=0.01)
    assert BETTER.high == pytest.approx(gains.mean() + error, abs=0.01)


def test_the_verdict_does_not_depend_on_chance() -> None:
    assert compared(outputs(*range(30)), outputs(*range(28, 60))) == BARELY


@pytest.mark.parametrize(
    ("found", "limits", "sentence"),
    [
        (BETTER, {"confidence": 0.99, "max_class_drop": 0.0}, "champion with accuracy 0.97, "),
        (BETTER, {"min_delta": 0.17}, "not champion: accuracy 0.97, version 1 has 0.8; improv"),
        (compared(outputs(), outputs()), {}, "not champion: accuracy 1.0, version 1 has 1.0; imp"),
        (BARELY, {}, "champion with accuracy 0.9, version 1 had 0.893333; improvement 0.006667"),
        (BARELY, {"confidence": 0.95}, "not champion: accuracy 0.9, version 1 has 0.893333, but"),
        (ONE_CLASS, {"max_class_drop": 0.2}, "champion with accuracy"),
    ],
)  # fmt: skip
def test_the_limits_decide(found: Challenge, limits: dict[str, Any], sentence: str) -> None:
    decided = judged(found, **limits)
    assert decided.sentence.startswith(sentence)
    assert decided.promoted == sentence.startswith("champion")


def test_a_class_that_falls_too_far_refuses_a_better_model() -> None:
    decided = judged(ONE_CLASS, max_class_drop=0.1)
    assert not decided.promoted
    reason = "the recall of 'a' falls by 0.2, more than register.max_class_drop 0.1"
    assert decided.sentence.endswith(reason)


def test_recorded_values_show_no_certainty() -> None:
    register = with_values({"register.confidence": 0.95}).register
    decided = verdict.by_values("hits", 0.9, 0.5, "max", "version 1", register)
    assert not decided.promoted
    assert "need a score of the test outputs, and hits isn't one" in decided.sentence


@pytest.mark.parametrize("kind", [PROBABILITIES, SCORES])
def test_outputs_are_taken_as_what_gives_the_recorded_value(kind: str) -> None:
    """As scores and as probabilities, one logit of two classes is cut at another value."""
    target = Target("classification", ["no", "yes"])
    values, y = np.linspace(-1, 1, 100, dtype=np.float32)[:, None], np.arange(100) // 50
    recorded = {SCORES: 1.0, PROBABILITIES: 0.75}[kind]
    found = reproduced(values, target, y, "accuracy", recorded)
    assert found is not None
    assert found.target.outputs_are == kind


def test_outputs_that_give_another_value_are_not_compared() -> None:
    assert reproduced(outputs().values, TARGET, Y, "accuracy", 0.9) is None
    assert reproduced(outputs().values, TARGET, Y, "hits", 1.0) is None
