"""Report on a class for each pixel: intersection over union, and the worst masks."""

from pathlib import Path

import numpy as np

from lockstep.data.spec import Target
from lockstep.evaluation import plots, scores
from lockstep.evaluation.reports.report import (
    Report,
    Sample,
    Scores,
    Worst,
    WorstExamples,
    write_tables,
)
from lockstep.evaluation.threshold_curves import write_curves


class ClassOfEach:
    """Report on a class for each pixel or step."""

    def __init__(self, target: Target) -> None:
        self.target, count = target, len(target.classes)
        self.counts = np.zeros((count, count), np.int64)
        self.sample, self.kept = Sample(), WorstExamples()

    def add(self, y: np.ndarray, outputs: np.ndarray) -> None:
        """Add a batch."""
        labels = y.astype(np.int64)
        predicted = scores.of_classes(outputs, self.target).argmax(axis=-1)
        flat = labels.ravel(), predicted.ravel()
        self.counts += scores.confusion(*flat, len(self.target.classes))
        self.sample.add(labels, predicted)
        wrong = (labels != predicted).reshape(len(labels), -1).mean(axis=1)
        self.kept.add(wrong, labels, predicted)

    def scores(self) -> Scores:
        """Return accuracy, precision, recall and mean intersection over union."""
        return scores.of_counts(self.counts)

    def write(self, folder: Path) -> Worst:
        """Write tables and plots."""
        write_tables(folder, *self.sample.both, self.target.classes, self.counts)
        write_curves(folder)
        plots.confusion(self.counts, self.target.classes, folder / "predictions.png")
        return self.kept.worst("wrong")


def make_report(target: Target) -> Report:
    """Return an empty report."""
    return ClassOfEach(target)
