"""Report on a picture for each example: errors of the pixels, and the worst pictures."""

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


class _Image:
    def __init__(self, target: Target) -> None:
        self.errors = scores.Errors()
        self.sample, self.kept = Sample(), WorstExamples()

    def add(self, y: np.ndarray, outputs: np.ndarray) -> None:
        expected, given = y.reshape(outputs.shape), outputs
        self.errors.add(expected, given)
        self.sample.add(expected, given)
        by_example = np.abs(expected - given).reshape(len(given), -1).mean(axis=1)
        self.kept.add(by_example, expected, given)

    def scores(self) -> Scores:
        return self.errors.scores() | {"psnr": self.errors.psnr()}

    def write(self, folder: Path) -> Worst:
        expected, given = self.sample.both
        labels, guesses, names = scores.in_bins(expected, given)
        write_tables(folder, labels, guesses, names, scores.confusion(labels, guesses, len(names)))
        write_curves(folder)
        plots.residuals(expected, given, folder / "predictions.png")
        return self.kept.worst("mae")


def make_report(target: Target) -> Report:
    """Return an empty report."""
    return _Image(target)
