"""Trials are a function of the batches before them: the same in every process and order."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from lockstep.config.search_space import size
from lockstep.errors import ParamsError
from pipelines.sweeps import definition, sampling
from pipelines.sweeps.definition import Sweep, of_trial
from pipelines.sweeps.record import COMPLETE, FAILED, PRUNED, Trial

GIVEN = ["train.learning_rate=log:1e-4..1e-1", "model.mlp.units=[16],[32],[64]"]


def made(number: int, values: dict[str, str], sweep: Sweep) -> Trial:
    """A trial that has ended: its objective is best at a learning rate of 0.01."""
    value = abs(math.log10(float(values["train.learning_rate"])) + 2)
    history = {1: value + 1, 2: value}
    state = FAILED if number == 4 else PRUNED if number == 5 else COMPLETE
    return Trial(number, values, tuple(of_trial(sweep, values)), state, value, history)


def run(sweep: Sweep, known: Sequence[Trial] = ()) -> list[Trial]:
    """Run a sweep without training, after the trials that have ended already."""
    ended = {each.number: each for each in known}
    size = sweep.batch or sweep.trials
    for start in range(0, sweep.trials, size):
        numbers = range(start, min(start + size, sweep.trials))
        finished = [ended[number] for number in sorted(ended) if number < start]
        values = sampling.suggest(sweep, "min", 0, finished, numbers)
        for number, each in zip(numbers, values, strict=False):
            ended.setdefault(number, made(number, dict(each), sweep))
            assert dict(ended[number].values) == dict(each)
    return [ended[number] for number in sorted(ended)]


@pytest.mark.parametrize(
    "options", [{"sampler": "tpe"}, {"sampler": "random"}, {"prune": "median"}, {"parallel": 3}]
)
def test_an_interrupted_sweep_has_the_same_trials(options: dict[str, object]) -> None:
    sweep = definition.make(GIVEN, trials=14, **options)  # type: ignore[arg-type]
    whole = run(sweep)
    for kept in ([0, 1, 2], [0, 2, 3], list(range(13))):
        assert run(sweep, [whole[number] for number in kept]) == whole
    more = run(replace(sweep, trials=20))
    assert (
        more[: len(whole) - len(whole) % sweep.parallel]
        == whole[: len(whole) - len(whole) % sweep.parallel]
    )


def test_no_values_come_twice_and_a_finite_space_ends() -> None:
    sweep = definition.make(["a=1..3", "b=x,y"], trials=50, sampler="random")
    found = [dict(each) for each in sampling.suggest(sweep, "min", 0, [], range(50))]
    assert (sweep.trials, len(found), size(sweep.space)) == (6, 6, 6)
    assert len({tuple(each.items()) for each in found}) == 6


def test_tpe_learns_where_the_objective_is_best() -> None:
    sweep = definition.make(GIVEN[:1], trials=40, sampler="tpe")
    rates = [abs(math.log10(float(each.values["train.learning_rate"])) + 2) for each in run(sweep)]
    assert sum(rates[-10:]) < sum(rates[:10]) / 2


def test_a_trial_is_pruned_if_it_is_worse_than_the_median_of_finished_ones() -> None:
    sweep = definition.make(GIVEN[:1], trials=8, prune="median")
    finished = [
        made(number, {"train.learning_rate": str(0.01 * 1.2**number)}, sweep)
        for number in (0, 1, 2, 3, 6, 7, 8)
    ]
    trial = Trial(9, {"train.learning_rate": "0.09"}, ())
    assert sampling.should_prune(sweep, "min", finished, trial, {1: 3.0})
    assert not sampling.should_prune(sweep, "min", finished, trial, {1: 1.0})
    assert not sampling.should_prune(sweep, "min", finished[:3], trial, {1: 3.0})


@pytest.mark.parametrize(
    ("given", "options", "line"),
    [
        (["train.epochs=3"], {}, "got no key with several values"),
        (GIVEN, {}, "--trials: not given, expected a number: train.learning_rate has infinitely"),
        (GIVEN, {"sampler": "grid", "trials": 3}, "--sampler: got grid with train.learning_rate"),
        (["seed=0..99999"], {}, "got 100,000 trials, expected --trials N up to 10000"),
        (["seed=0..4"], {"trials": 0}, "--trials: got 0"),
        (["seed=0..4"], {"parallel": 0}, "--parallel: got 0"),
    ],
)
def test_a_mistake_is_one_line(given: list[str], options: dict[str, object], line: str) -> None:
    with pytest.raises(ParamsError) as raised:
        definition.make(given, **options)  # type: ignore[arg-type]
    assert line in str(raised.value)


def test_the_number_of_trials_is_not_part_of_what_a_sweep_is() -> None:
    sweep = definition.make(GIVEN, trials=10, parallel=2)
    assert sweep.identity("k") == replace(sweep, trials=20).identity("k")
    assert sweep.identity("k") != replace(sweep, parallel=3).identity("k")
    random = replace(sweep, sampler="random")
    assert random.identity("k") == replace(random, parallel=3).identity("k")
