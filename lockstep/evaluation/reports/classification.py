"""Report on a class for each example: confusion matrix, precision and recall."""

from pathlib import Path

import numpy as np

from lockstep.data.spec import Target
from lockstep.evaluation import plots, scores
from lockstep.evaluation.reports.report import Collected, Report, Scores, Worst, write_tables
from lockstep.evaluation.threshold_curves import ClassOutputs, most_frequent, write_curves


class _Classification(Collected):
    def scores(self) -> Scores:
        return scores.classification(scores.of_classes(self.outputs, self.target), self.y)

    def write(self, folder: Path) -> Worst:
        names, labels, given = self.target.classes, self.y, self.outputs
        outputs = scores.of_classes(given, self.target)
        predicted = outputs.argmax(axis=1)
        counts = scores.confusion(labels, predicted, len(names))
        write_tables(folder, labels, predicted, names, counts)
        shown = most_frequent(counts.sum(axis=1))
        write_curves(
            folder, (ClassOutputs(names[k], labels == k, _of_class(given, k)) for k in shown)
        )
        plots.confusion(counts, names, folder / "predictions.png")
        # Worst first: the lowest probability or score for the true class.
        confidence = outputs[np.arange(len(labels)), labels]
        worst = np.argsort(confidence, kind="stable")
        worst = worst[predicted[worst] != labels[worst]][: plots.WORST]
        captions = [
            f"#{each} {names[labels[each]]}, not {names[predicted[each]]}" for each in worst
        ]
        return Worst(captions, worst, 2 * self.target.threshold - confidence[worst])


def _of_class(outputs: np.ndarray, number: int) -> np.ndarray:
    """Return what orders the examples by a class: of two classes with one output, it or -it.

    In float32, 1 - output would be 1 for each output below 3e-8.
    """
    if outputs.shape[1] > 1:
        return outputs[:, number]
    return outputs[:, 0] if number else -outputs[:, 0]


def make_report(target: Target) -> Report:
    """Return an empty report."""
    return _Classification(target)
