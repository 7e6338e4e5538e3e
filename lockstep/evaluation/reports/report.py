"""What all reports have in common."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from lockstep.data.spec import Target
from lockstep.evaluation.scores import scores_of_classes
from lockstep.evaluation.tables import write_csv

Scores = dict[str, float]
SHOWN = 8  # worst pictures
SAMPLED = 10_000  # values of very many, for tables and plots


class Worst(NamedTuple):
    """The worst mistakes, the worst first, with the examples' indices.

    `panels` are pictures of each: what was expected, and what the model gave.
    """

    captions: list[str]
    examples: np.ndarray
    errors: np.ndarray
    panels: Sequence[tuple[np.ndarray, np.ndarray]] = ()


class Report(Protocol):
    """Collects a test split's targets and outputs batch by batch, and reports on all of them."""

    def __init__(self, target: Target) -> None: ...

    def add(self, y: np.ndarray, outputs: np.ndarray) -> None:
        """Add a batch: targets as the loss compares them, and the model's outputs."""

    def scores(self) -> Scores:
        """Return the scores by name; NaN where one isn't defined."""

    def write(self, folder: Path) -> Worst:
        """Write the tables, the curves and predictions.png, and return the worst mistakes."""


class Collected:
    """Keeps all targets and outputs of a target with few numbers for each example."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._y: list[np.ndarray] = []
        self._outputs: list[np.ndarray] = []

    def add(self, y: np.ndarray, outputs: np.ndarray) -> None:
        """Add a batch."""
        self._y.append(np.asarray(y))
        self._outputs.append(outputs)

    @property
    def y(self) -> np.ndarray:
        """All targets."""
        return np.concatenate(self._y)

    @property
    def outputs(self) -> np.ndarray:
        """All outputs, (n, outputs)."""
        return np.concatenate(self._outputs)


class WorstExamples:
    """Keeps the examples with the largest errors, and what was expected and given for them."""

    def __init__(self) -> None:
        self.seen = 0
        self.kept: list[tuple[float, int, Any, Any]] = []

    def add(self, errors: np.ndarray, expected: np.ndarray, given: np.ndarray) -> None:
        """Add a batch with the error of each example."""
        for position in np.argsort(-errors, kind="stable")[:SHOWN]:
            found = expected[position], given[position]
            self.kept.append((float(errors[position]), self.seen + int(position), *found))
        self.kept = sorted(self.kept, key=lambda each: (-each[0], each[1]))[:SHOWN]
        self.seen += len(errors)

    def worst(self, measure: str) -> Worst:
        """Return them, the worst first; `measure` is what the error is, such as 'error'."""
        return Worst(
            [f"#{index} {measure} {error:.4g}" for error, index, _, _ in self.kept],
            np.array([index for _, index, _, _ in self.kept], np.int64),
            np.array([error for error, *_ in self.kept]),
            [(expected, given) for _, _, expected, given in self.kept],
        )


class Sample:
    """A sample of pairs of values, evenly spaced, for tables and plots of very many values."""

    def __init__(self) -> None:
        self.step = 1
        self.pairs: list[np.ndarray] = []

    def add(self, expected: np.ndarray, given: np.ndarray) -> None:
        """Add values, both of the same shape."""
        both = np.stack([expected.ravel(), given.ravel()], axis=1)
        self.pairs.append(both[:: self.step])
        while sum(map(len, self.pairs)) > SAMPLED:
            self.step *= 2
            self.pairs = [each[::2] for each in self.pairs]

    @property
    def both(self) -> tuple[np.ndarray, np.ndarray]:
        """The expected and the given values."""
        pairs = np.concatenate(self.pairs)
        return pairs[:, 0], pairs[:, 1]


def write_tables(
    folder: Path, labels: np.ndarray, predicted: np.ndarray, names: list[str], counts: np.ndarray
) -> None:
    """Write the pairs of class numbers, and each class's precision and recall by all counts."""
    pairs = ((names[actual], names[guess]) for actual, guess in zip(labels, predicted, strict=True))
    write_csv(folder / "predictions.csv", ("actual", "predicted"), pairs)
    header = ("class", "precision", "recall", "examples")
    write_csv(folder / "classes.csv", header, scores_of_classes(counts, names))
