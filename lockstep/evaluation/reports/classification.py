"""Report on a class for each example: confusion matrix, precision and recall."""

from pathlib import Path

import numpy as np

from lockstep.data.spec import Target
from lockstep.evaluation import plots, scores
from lockstep.evaluation.reports.report import Collected, Report, Scores, Worst, write_tables


class _Classification(Collected):
    def scores(self) -> Scores:
        return scores.classification(scores.of_classes(self.outputs, self.target), self.y)

    def write(self, folder: Path) -> Worst:
        names, labels = self.target.classes, self.y
        outputs = scores.of_classes(self.outputs, self.target)
        predicted = outputs.argmax(axis=1)
        counts = scores.confusion(labels, predicted, len(names))
        write_tables(folder, labels, predicted, names, counts)
        plots.confusion(counts, names, folder / "predictions.png")
        # Worst first: the lowest probability or score for the true class.
        confidence = outputs[np.arange(len(labels)), labels]
        worst = np.argsort(confidence, kind="stable")
        worst = worst[predicted[worst] != labels[worst]][: plots.WORST]
        captions = [
            f"#{each} {names[labels[each]]}, not {names[predicted[each]]}" for each in worst
        ]
        return Worst(captions, worst, 2 * self.target.threshold - confidence[worst])


def make_report(target: Target) -> Report:
    """Return an empty report."""
    return _Classification(target)
