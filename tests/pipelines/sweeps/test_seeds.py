"""Intervals over seeds, by the recorded test metrics of 35 trainings that differ in the seed.

They are of `lockstep sweep seed=0..34 model.name=mlp model.mlp.units=[16] train.epochs=3
train.learning_rate=0.01` on digits.
"""

import json
from pathlib import Path

import numpy as np

from lockstep.evaluation.estimates import estimates
from lockstep.evaluation.group_difference import over_seeds

RECORDED = json.loads(Path(__file__).with_name("recorded_seeds.json").read_text())
TESTED = [{"accuracy": each} for each in RECORDED["accuracy"]]


def test_the_interval_of_five_seeds_holds_the_mean_of_thirty_others() -> None:
    random, held = np.random.default_rng(0), 0
    for _ in range(100):
        order = random.permutation(35)
        five = [TESTED[place] for place in order[:5]]
        found = estimates(five)["accuracy"]
        assert found is not None
        held += (
            found.low <= np.mean([TESTED[place]["accuracy"] for place in order[5:]]) <= found.high
        )
    assert held >= 90


def test_a_planted_difference_of_two_points_is_found_and_none_between_halves() -> None:
    better = [{"accuracy": each["accuracy"] + 0.02} for each in TESTED[17:34]]
    assert over_seeds(TESTED[:17], better)["accuracy"].is_certain
    assert not over_seeds(TESTED[:17], TESTED[17:34])["accuracy"].is_certain
