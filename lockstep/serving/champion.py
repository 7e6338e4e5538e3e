"""Compare the evaluated model with the champion, which is scored again where that is needed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lockstep.config.schema import Params
from lockstep.data.spec import Spec, Y, as_dict, load_examples, read_spec
from lockstep.errors import DataError
from lockstep.evaluation import verdict
from lockstep.evaluation.challenge import Outputs, challenge, reproduced
from lockstep.process.temporary_folders import temporary_folder
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.serving.rescoring import CannotScore, outputs_of
from lockstep.storage import layout
from lockstep.tracking.candidates import Champion, Verdict


@dataclass(frozen=True)
class Challenger:
    """The model that was evaluated in a workspace."""

    params: Params
    root: Path
    metric: str
    metrics: Mapping[str, float]  # on the test data
    goal: str  # min or max
    test_data: str  # hash of the test data

    def against(self, other: Champion) -> Verdict:
        """Return whether it beats the champion, by both models' outputs if that can be."""
        same = other.tags.get("test_data") == self.test_data
        limits, name = self.params.register, f"version {other.version}"
        try:
            mine = self._mine()
            theirs = self._kept_by(other) if same else None
            theirs = theirs or self._scored_again(other)
        except CannotScore as error:
            return self._by_values(other, str(error), same=same)
        found = challenge(self._y, mine, theirs, self.metric, self.goal, limits.confidence)
        return verdict.by_outputs(found, name, limits)

    def _by_values(self, other: Champion, reason: str, *, same: bool) -> Verdict:
        name, recorded = f"version {other.version}", other.metric(self.metric)
        if not same:
            return verdict.not_compared(
                f"the champion, {name}, was measured on other test data, and {reason}"
            )
        if recorded is None:
            return verdict.not_compared(f"the champion, {name}, has no {self.metric}")
        value, limits = self.metrics[self.metric], self.params.register
        return verdict.by_values(self.metric, value, recorded, self.goal, name, limits)

    def _mine(self) -> Outputs:
        """Raise CannotScore if the metric isn't a score of the outputs."""
        values = np.load(self.root / layout.OUTPUTS, mmap_mode="r")
        found = self._reproduced(values, self.metrics[self.metric])
        if found is None:
            raise CannotScore(f"{self.metric} can't be computed from the outputs of both")
        return found

    def _kept_by(self, other: Champion) -> Outputs | None:
        """Return the outputs that are stored with the champion, if they give its metric."""
        with temporary_folder() as folder:
            file = other.fetch_outputs(folder)
            return self._reproduced(np.load(file), other.metric(self.metric)) if file else None

    def _scored_again(self, other: Champion) -> Outputs:
        load_tensorflow()
        test, size = load_examples(self.root, "test"), self.params.train.batch_size
        with temporary_folder() as folder:
            self._fetch(other, folder)
            values, target = outputs_of(folder, self._spec, test, size)
        return Outputs(values, target)

    def _fetch(self, other: Champion, folder: Path) -> None:
        try:
            other.fetch(folder)
        except DataError as error:
            raise CannotScore(str(error)) from None

    def _reproduced(self, values: np.ndarray, recorded: float | None) -> Outputs | None:
        target = self._spec.target
        if target is None:
            return None
        return reproduced(values, target, self._y, self.metric, recorded)

    @property
    def _spec(self) -> Spec:
        return read_spec(self.root)

    @property
    def _y(self) -> np.ndarray:
        y = load_examples(self.root, "test").y
        return np.asarray(next(iter(as_dict(y, Y).values())))
