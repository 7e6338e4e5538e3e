"""What a sweep is: its search space, how trials are suggested, stopped and compared."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockstep.config import search_space
from lockstep.config.search_space import Space
from lockstep.errors import ParamsError

TPE, RANDOM, GRID = SAMPLERS = ("tpe", "random", "grid")
MEDIAN, NONE = PRUNERS = ("median", "none")
SEED = "seed"
MOST = 10_000  # trials


@dataclass(frozen=True)
class Sweep:
    """A sweep as it was asked for.

    `fixed` are the overrides that all trials have. `batch` trials are suggested together, from the
    results of the batches before them; None: no suggestion depends on results.
    """

    fixed: tuple[str, ...]
    preset: str | None
    space: Space
    trials: int
    parallel: int
    sampler: str
    pruner: str
    objective: str | None  # None: the monitor's
    name: str

    @property
    def batch(self) -> int | None:
        """The number of trials that are suggested together."""
        return self.parallel if self.sampler == TPE or self.pruner != NONE else None

    @property
    def is_of_seeds(self) -> bool:
        """Whether the trials are one experiment with several seeds."""
        return set(self.space) == {SEED}

    def identity(self, experiment: str) -> str:
        """Return the hash, in hex, by which an interrupted sweep is found again.

        `experiment` is the key of the experiment without the search. The number of trials isn't
        part of it: a sweep may go on with more.
        """
        parts = {
            "experiment": experiment,
            "space": {key: repr(each) for key, each in self.space.items()},
            "sampler": self.sampler,
            "pruner": self.pruner,
            "objective": self.objective,
            "batch": self.batch,
        }
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def described(self) -> dict[str, Any]:
        """Return what its record and its MLflow run say of it."""
        return {
            "preset": self.preset or "",
            "overrides": list(self.fixed),
            "space": {key: str(each) for key, each in self.space.items()},
            "trials": self.trials,
            "parallel": self.parallel,
            "sampler": self.sampler,
            "prune": self.pruner,
        }


def make(
    overrides: Sequence[str],
    *,
    preset: str | None = None,
    trials: int | None = None,
    parallel: int = 1,
    sampler: str | None = None,
    prune: str = NONE,
    objective: str | None = None,
    name: str = "sweep",
) -> Sweep:
    """Return a sweep over the overrides that have several values; raises ParamsError.

    Without a number of trials, all combinations are tried.
    """
    fixed, space = search_space.separated(overrides)
    if not space:
        raise ParamsError(
            "got no key with several values, expected such as train.learning_rate=0.1,0.01, "
            "seed=0..4 or train.learning_rate=log:1e-4..1e-1"
        )
    _check_counts(trials, parallel)
    combinations = search_space.size(space)
    found = sampler or (GRID if trials is None else TPE)
    if combinations is None and (found == GRID or trials is None):
        which = next(key for key, each in space.items() if search_space.size({key: each}) is None)
        _refuse_interval(which, found if sampler else None)
    if (trials or combinations or 0) > MOST:
        raise ParamsError(
            f"got {trials or combinations:,} trials, expected --trials N up to {MOST}"
        )
    most = min(trials or combinations or MOST, combinations or MOST)
    return Sweep(
        tuple(fixed), preset, space, most, min(parallel, most), found, prune, objective, name
    )


def _check_counts(trials: int | None, parallel: int) -> None:
    if trials is not None and trials < 1:
        raise ParamsError(f"--trials: got {trials}, expected a number of 1 or more")
    if parallel < 1:
        raise ParamsError(f"--parallel: got {parallel}, expected a number of 1 or more")


def _refuse_interval(key: str, sampler: str | None) -> None:
    if sampler == GRID:
        raise ParamsError(
            f"--sampler: got grid with {key}, which has infinitely many values, expected choices "
            "such as 0.1,0.2, or --sampler tpe or random"
        )
    raise ParamsError(f"--trials: not given, expected a number: {key} has infinitely many values")


def of_trial(sweep: Sweep, values: Mapping[str, str]) -> list[str]:
    """Return the overrides of a trial, as in the command that runs it alone."""
    return [*sweep.fixed, *search_space.assignments(values)]
