"""A model to register, the champion that it has to beat, and the verdict."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

VERDICT = "verdict"  # a tag of versions
FOLD_VERDICT = "not champion: it was trained for"  # begins that of a model of a fold


class Verdict(NamedTuple):
    """Whether a model becomes champion, a sentence that says why, and new figures, if any."""

    promoted: bool
    sentence: str
    figures: dict[str, Any] | None


@dataclass(frozen=True)
class Champion:
    """The version that a candidate has to beat."""

    version: str
    tags: Mapping[str, str]
    fetch: Callable[[Path], None]  # downloads its files to a folder
    fetch_outputs: Callable[[Path], Path | None]  # downloads its test outputs, if it has any

    def metric(self, name: str) -> float | None:
        """Return a metric that was recorded with it."""
        value = self.tags.get(f"test_{name}")
        return None if value is None else float(value)


@dataclass(frozen=True)
class Candidate:
    """A model to register as a version."""

    name: str
    tags: Mapping[str, str]  # identify it: hashes of its weights, spec and test data
    metric: str
    metrics: Mapping[str, float]  # on the test data
    challenge: Callable[[Champion], Verdict]  # compares it with the champion
    # Writes a SavedModel to a folder; returns a batch of raw inputs, and the outputs for it.
    export: Callable[[Path], tuple[Any, Any]]
    spec: Path  # path of spec.json, which describes inputs and outputs
    files: tuple[Path, ...] = ()  # of its evaluation, which are stored with it
    outputs: Path | None = None  # its test outputs, if they are stored with it
    # Raw test examples and the outputs that evaluation saw, by which a future champion is tested.
    smoke_test: Callable[[], tuple[Any, np.ndarray]] | None = None
    goal: str = "max"  # or min: which values of the metric are better
    fold: str = ""  # of a cross-validation, whose models are only there to be measured

    @property
    def score(self) -> str:
        """The metric with its value."""
        return f"{self.metric} {self.metrics[self.metric]}"
