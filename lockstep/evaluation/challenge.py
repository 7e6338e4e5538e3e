"""Compare a model with the champion by what both give for the same test examples."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from lockstep.data.spec import Target
from lockstep.data.spec.targets import PROBABILITIES, SCORES
from lockstep.evaluation import scores
from lockstep.evaluation.directions import improvement
from lockstep.evaluation.reports import report_of

CONFIDENCE = 0.95  # of the interval that is shown, if register.confidence asks for no other
RESAMPLES, FEWEST = 1000, 200
VALUES = 10**9  # outputs of all resamples together, at most, as long as there are FEWEST
CLOSE = 1e-4  # metrics.json has Keras's float32 sums


@dataclass(frozen=True)
class Outputs:
    """A model's outputs for the test examples, and what they are."""

    values: np.ndarray
    target: Target

    def score(self, y: np.ndarray, metric: str) -> float:
        """Return a score of the target's report."""
        return self.all_scores(y)[metric]

    def all_scores(self, y: np.ndarray) -> dict[str, float]:
        """Return all scores of the target's report."""
        report = report_of(self.target)
        report.add(y, self.values)
        return report.scores()

    def recalls(self, y: np.ndarray) -> dict[str, float]:
        """Return the recall of each class or label that occurs."""
        return {each.name: each.recall for each in self._classes(y) if each.examples}

    def at(self, rows: np.ndarray) -> "Outputs":
        """Return those of some examples."""
        return replace(self, values=self.values[rows])

    def _classes(self, y: np.ndarray) -> list[scores.ClassScore]:
        if self.target.values == "labels":
            predicted = self.values > self.target.threshold
            return scores.by_label(y > 0, predicted, self.target.classes)
        if self.target.values == "classes":
            predicted = scores.of_classes(self.values, self.target).argmax(axis=1)
            return scores.by_class(y, predicted, self.target.classes)
        return []


@dataclass(frozen=True)
class Challenge:
    """The scores of both, and how sure the improvement is."""

    metric: str
    value: float
    other: float
    improvement: float
    confidence: float
    low: float  # of the improvement, by a paired bootstrap
    high: float
    drops: dict[str, float] = field(default_factory=dict)  # of each class's recall

    @property
    def worst_drop(self) -> tuple[str, float]:
        """The class whose recall falls most, and by how much; none of numbers."""
        return max(self.drops.items(), key=lambda each: each[1], default=("", 0.0))


def reproduced(
    values: np.ndarray, target: Target, y: np.ndarray, metric: str, recorded: float | None
) -> Outputs | None:
    """Return outputs that give the recorded value of a metric, or None.

    None too if the metric isn't a score of the target's report, or if not all outputs are kept.
    Neither a file of outputs nor spec.json says whether they are scores or probabilities.
    """
    if recorded is None or target.is_dense or len(values) != len(y):
        return None
    for each in (PROBABILITIES, SCORES):
        found = Outputs(values, replace(target, outputs_are=each))
        try:
            value = found.score(y, metric)
        except KeyError:
            return None
        if abs(value - recorded) <= CLOSE * max(1, abs(recorded)):
            return found
    return None


def challenge(
    y: np.ndarray, mine: Outputs, theirs: Outputs, metric: str, goal: str, confidence: float | None
) -> Challenge:
    """Return how a model with the outputs `mine` compares with the champion.

    The interval is that of B. Efron's percentile bootstrap, over the same examples for both.
    """
    level = confidence or CONFIDENCE
    value, other = mine.score(y, metric), theirs.score(y, metric)
    gains = list(_resampled(y, mine, theirs, metric, goal))
    low, high = np.nanquantile(gains, [(1 - level) / 2, (1 + level) / 2])
    before, after = theirs.recalls(y), mine.recalls(y)
    drops = {name: round(before[name] - after[name], scores.DIGITS) for name in before}
    gain = round(improvement(value, other, goal), scores.DIGITS)
    return Challenge(metric, value, other, gain, level, float(low), float(high), drops)


def _resampled(
    y: np.ndarray, mine: Outputs, theirs: Outputs, metric: str, goal: str
) -> Iterator[float]:
    random = np.random.default_rng(0)  # the verdict doesn't depend on chance
    for _ in range(int(np.clip(VALUES // mine.values.size, FEWEST, RESAMPLES))):
        rows = random.integers(len(y), size=len(y))
        value, other = (each.at(rows).score(y[rows], metric) for each in (mine, theirs))
        yield improvement(value, other, goal)
