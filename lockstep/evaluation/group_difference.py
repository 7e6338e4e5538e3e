"""Whether two groups of experiments, each with several seeds, differ by more than noise."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lockstep.evaluation.challenge import FEWEST, RESAMPLES, Outputs
from lockstep.evaluation.estimates import LEVEL, student_t

NORMAL = 1.959964  # between whose negative and itself a normal distribution has LEVEL
VALUES = 5 * 10**7  # outputs of all resamples together, at most, as long as there are FEWEST
Scores = Mapping[str, float]


@dataclass(frozen=True)
class Difference:
    """The means of a metric in both groups, and the interval of the second's minus the first's."""

    first: float
    second: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """How far the mean moved."""
        return self.second - self.first

    @property
    def is_certain(self) -> bool:
        """Whether it is larger than the noise: the interval doesn't hold 0."""
        return self.low > 0 or self.high < 0


def over_seeds(first: Sequence[Scores], second: Sequence[Scores]) -> dict[str, Difference]:
    """Return the difference of each metric, by a bootstrap over seeds alone.

    Raises ValueError for a group of one, whose seeds have no spread.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError("a group has one seed")
    names = _names([*first, *second])
    groups = [_table(each, names) for each in (first, second)]
    random = np.random.default_rng(0)  # the verdict doesn't depend on chance
    resampled = ([_of_seeds(each, random) for each in groups] for _ in range(RESAMPLES))
    return _summed_up(names, groups, resampled)


def over_examples_and_seeds(
    y: np.ndarray, first: Sequence[Outputs], second: Sequence[Outputs], names: Sequence[str]
) -> dict[str, Difference]:
    """Return the difference of scores, by a bootstrap over test examples, the same for all.

    In each resample the seeds of a group are drawn too, if it has several.
    """
    random = np.random.default_rng(0)
    groups = [_scores(y, each, names) for each in (first, second)]
    return _summed_up(names, groups, _resampled(y, first, second, names, random))


def _resampled(
    y: np.ndarray,
    first: Sequence[Outputs],
    second: Sequence[Outputs],
    names: Sequence[str],
    random: np.random.Generator,
) -> Iterator[list[np.ndarray]]:
    size = sum(each.values.size for each in (*first, *second))
    for _ in range(int(np.clip(VALUES // size, FEWEST, RESAMPLES))):
        rows = random.integers(len(y), size=len(y))
        yield [
            _of_seeds(_scores(y[rows], [each.at(rows) for each in group], names), random)
            for group in (first, second)
        ]


def _of_seeds(scores: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the means over drawn seeds, of (seeds, metrics).

    Drawn with replacement, few seeds spread less than their population, and their number makes the
    spread itself uncertain: so drawn means are moved apart, as Student's t is wider than a normal
    distribution.
    """
    count, mean = len(scores), scores.mean(axis=0)
    if count == 1:
        return mean
    drawn = scores[random.integers(count, size=count)].mean(axis=0)
    wider = math.sqrt(count / (count - 1)) * student_t(count - 1) / NORMAL
    return mean + wider * (drawn - mean)


def _summed_up(
    names: Sequence[str], groups: Sequence[np.ndarray], resampled: Iterator[list[np.ndarray]]
) -> dict[str, Difference]:
    differences = np.array([second - first for first, second in resampled])
    ends = np.nanquantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    means = [each.mean(axis=0) for each in groups]
    return {
        name: Difference(*(float(each[place]) for each in (*means, *ends)))
        for place, name in enumerate(names)
    }


def _scores(y: np.ndarray, group: Sequence[Outputs], names: Sequence[str]) -> np.ndarray:
    """Return the scores of each experiment, (experiments, names)."""
    return _table([each.all_scores(y) for each in group], names)


def _table(group: Sequence[Scores], names: Sequence[str]) -> np.ndarray:
    return np.array([[each[name] for name in names] for each in group], dtype=np.float64)


def _names(group: Sequence[Mapping[str, float | None]]) -> list[str]:
    """Return the metrics that all have as numbers."""
    return [
        name for name in group[0] if all(isinstance(each.get(name), int | float) for each in group)
    ]
