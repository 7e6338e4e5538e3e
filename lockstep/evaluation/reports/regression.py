"""Report on numbers for each example: errors, and the predictions over the targets."""

from pathlib import Path

import numpy as np

from lockstep.data.spec import Target
from lockstep.evaluation import plots, scores
from lockstep.evaluation.reports.report import Collected, Report, Scores, Worst, write_tables
from lockstep.evaluation.threshold_curves import write_curves


class _Regression(Collected):
    def scores(self) -> Scores:
        return scores.regression(self._predicted, self._targets)

    def write(self, folder: Path) -> Worst:
        y, predicted = self._targets.ravel(), self._predicted.ravel()
        labels, guesses, names = scores.in_bins(y, predicted)
        counts = scores.confusion(labels, guesses, len(names))
        write_tables(folder, labels, guesses, names, counts)
        write_curves(folder)
        plots.residuals(y, predicted, folder / "predictions.png")
        errors = (
            np.abs(self._targets - self._predicted).reshape(len(self._targets), -1).mean(axis=1)
        )
        worst = np.argsort(-errors, kind="stable")[: plots.WORST]
        return Worst([self._caption(each) for each in worst], worst, errors[worst])

    @property
    def _targets(self) -> np.ndarray:
        return self.y

    @property
    def _predicted(self) -> np.ndarray:
        """The outputs with the targets' shape."""
        return self.outputs.reshape(self.y.shape)

    def _caption(self, index: int) -> str:
        if self.y.ndim == 1:
            return f"#{index} {self.y[index]:.4g}, not {self._predicted[index]:.4g}"
        return f"#{index} off by {np.abs(self.y[index] - self._predicted[index]).mean():.4g} each"


def make_report(target: Target) -> Report:
    """Return an empty report."""
    return _Regression(target)
