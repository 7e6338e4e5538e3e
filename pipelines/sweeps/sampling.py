"""The only module that uses Optuna to suggest trials and to prune them.

What is suggested is a function of the finished batches and the trial's number alone, so that an
interrupted sweep, and another person's, have the same trials.
"""

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState

from lockstep.config.overrides import as_value
from lockstep.config.search_space import Choices, Dimension, Space, Whole, combinations, size
from pipelines.sweeps.definition import GRID, MEDIAN, RANDOM, Sweep
from pipelines.sweeps.record import COMPLETE, PRUNED, Trial

optuna.logging.set_verbosity(optuna.logging.WARNING)
ATTEMPTS = 50  # to suggest what hasn't been tried yet
STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED}
Values = Mapping[str, str]


def suggest(
    sweep: Sweep, goal: str, seed: int, finished: Sequence[Trial], numbers: Sequence[int]
) -> Iterator[Values]:
    """Yield the values of new trials with these numbers, given those of finished batches.

    No values come twice. There may be fewer than asked for, if a finite space is exhausted.
    """
    study = study_of(sweep, goal, finished)
    tried = [each.values for each in finished]
    for number in numbers:
        found = _new(sweep, study, seed, number, tried)
        if found is None:
            return
        tried.append(found)
        yield found


def should_prune(
    sweep: Sweep, goal: str, finished: Sequence[Trial], trial: Trial, history: Mapping[int, float]
) -> bool:
    """Return whether a trial with these values of the objective by epoch is to end now.

    It is, if its best value is worse than the median of the finished batches' at that epoch.
    """
    if sweep.pruner != MEDIAN:
        return False
    study = study_of(sweep, goal, finished)
    running = optuna.trial.create_trial(
        state=TrialState.RUNNING,
        params=_as_params(sweep.space, trial.values),
        distributions=_distributions(sweep.space),
        intermediate_values=dict(history),
    )
    return optuna.pruners.MedianPruner().prune(study, running)


def study_of(sweep: Sweep, goal: str, trials: Sequence[Trial]) -> optuna.Study:
    """Return Optuna's study with these trials, in memory."""
    study = optuna.create_study(direction="minimize" if goal == "min" else "maximize")
    known = _distributions(sweep.space)
    for each in trials:
        state = STATES.get(each.state, TrialState.FAIL)
        study.add_trial(
            optuna.trial.create_trial(
                state=state,
                params=_as_params(sweep.space, each.values),
                distributions=known,
                intermediate_values=dict(each.history),
                value=each.value if state is TrialState.COMPLETE else None,
            )
        )
    return study


def _new(
    sweep: Sweep, study: optuna.Study, seed: int, number: int, tried: Sequence[Values]
) -> Values | None:
    if sweep.sampler == GRID:
        return next((each for each in combinations(sweep.space) if each not in tried), None)
    known = size(sweep.space)
    if known is not None and len(tried) >= known:
        return None
    for attempt in range(ATTEMPTS):
        study.sampler = _sampler(sweep, _seed(seed, number, attempt))
        asked = study.ask(_distributions(sweep.space))
        found = _as_values(sweep.space, asked.params)
        if found not in tried:
            return found
        study.tell(asked, state=TrialState.FAIL)
    if known is None:
        return found  # as good as the same: the interval has fewer numbers of so many digits
    return next(each for each in combinations(sweep.space) if each not in tried)


def _sampler(sweep: Sweep, seed: int) -> optuna.samplers.BaseSampler:
    if sweep.sampler == RANDOM:
        return optuna.samplers.RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # The liar counts the other trials of the batch as bad, which keeps suggestions apart.
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True)


def _seed(seed: int, number: int, attempt: int) -> int:
    """Return a seed of its own for each suggestion: a sampler's state isn't kept."""
    text = f"{seed} {number} {attempt}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4])


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    return {key: _distribution(each) for key, each in space.items()}


def _distribution(each: Dimension) -> BaseDistribution:
    if isinstance(each, Choices):
        return CategoricalDistribution(each.values)
    if isinstance(each, Whole):
        return IntDistribution(each.low, each.high, log=each.log)
    return FloatDistribution(each.low, each.high, log=each.log)


def _as_values(space: Space, params: Mapping[str, Any]) -> Values:
    """Return what Optuna suggests as the texts of overrides."""
    return {key: _as_text(each, params[key]) for key, each in space.items()}


def _as_text(each: Dimension, value: Any) -> str:
    if isinstance(each, Choices):
        return str(value)
    return as_value(value if isinstance(each, Whole) else each.rounded(value))


def _as_params(space: Space, values: Mapping[str, str]) -> dict[str, Any]:
    kinds = {Choices: str, Whole: int}
    return {key: kinds.get(type(each), float)(values[key]) for key, each in space.items()}
