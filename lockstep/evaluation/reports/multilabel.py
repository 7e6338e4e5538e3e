"""Report on any number of labels for each example: precision, recall and F1 of each label."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lockstep.data.spec import Target
from lockstep.evaluation import plots, scores
from lockstep.evaluation.reports.report import Collected, Report, Scores, Worst
from lockstep.evaluation.tables import write_csv
from lockstep.evaluation.threshold_curves import ClassOutputs, most_frequent, write_curves

NO_LABEL = "-"  # in predictions.csv: the label is missing there


class _Multilabel(Collected):
    def scores(self) -> Scores:
        return scores.multilabel(self.outputs > self.target.threshold, self.y > 0)

    def write(self, folder: Path) -> Worst:
        names, actual, outputs = self.target.classes, self.y > 0, self.outputs
        predicted = outputs > self.target.threshold
        by_label = scores.by_label(actual, predicted, names)
        write_csv(folder / "classes.csv", ("class", "precision", "recall", "examples"), by_label)
        write_csv(folder / "predictions.csv", ("actual", "predicted"), self._pairs(predicted))
        shown = most_frequent(actual.sum(axis=0))
        write_curves(folder, (ClassOutputs(names[k], actual[:, k], outputs[:, k]) for k in shown))
        plots.labels(by_label, folder / "predictions.png")
        wrong = (actual != predicted).sum(axis=1)
        worst = np.argsort(-wrong, kind="stable")[: plots.WORST]
        worst = worst[wrong[worst] > 0]
        captions = [f"#{each} {wrong[each]} labels wrong" for each in worst]
        return Worst(captions, worst, wrong[worst].astype(float))

    def _pairs(self, predicted: np.ndarray) -> Iterator[tuple[str, str]]:
        """Each label that an example has or that was predicted for it."""
        for actual, guess in zip(self.y > 0, predicted, strict=True):
            for number in np.flatnonzero(actual | guess):
                name = self.target.classes[number]
                yield name if actual[number] else NO_LABEL, name if guess[number] else NO_LABEL


def make_report(target: Target) -> Report:
    """Return an empty report."""
    return _Multilabel(target)
