"""The report on a test split: scores of each target, tables and plots of the first."""

from pathlib import Path

import numpy as np

from lockstep.data.spec import Examples, Spec, Y, as_dict
from lockstep.evaluation import plots
from lockstep.evaluation.reports import report_of
from lockstep.evaluation.reports.report import Worst
from lockstep.evaluation.tables import write_csv
from lockstep.evaluation.threshold_curves import write_curves
from lockstep.modeling import preprocessing
from lockstep.storage import atomic_files

# Examples whose outputs are kept, where an example has a value for each pixel or step.
KEPT_OF_DENSE = 100


class EvaluationReport:
    """Collects targets and outputs batch by batch."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.reports = {name: report_of(target) for name, target in spec.targets.items()}
        self.kept: list[dict[str, np.ndarray]] = []
        self.is_dense = any(t.is_dense for t in spec.targets.values()) or not spec.targets

    def add(self, batch: Examples, outputs: dict[str, np.ndarray]) -> None:
        """Add a batch with the model's outputs, by the targets' names."""
        if self.spec.targets:
            if outputs.keys() != self.spec.targets.keys():  # the only output has no name
                outputs = dict(zip(self.spec.targets, outputs.values(), strict=True))
            y = as_dict(preprocessing.reported_targets(self.spec, batch.y), Y)
            for name, report in self.reports.items():
                report.add(np.asarray(y[name]), outputs[name])
        done = sum(len(next(iter(each.values()))) for each in self.kept)
        left = KEPT_OF_DENSE - done if self.is_dense else batch.size
        if left > 0:
            self.kept.append({name: each[:left] for name, each in outputs.items()})

    def scores(self) -> dict[str, float]:
        """Return the scores of all targets; of several each has its target's name in front."""
        several = len(self.reports) > 1
        return {
            f"{name}_{score}" if several else score: value
            for name, report in self.reports.items()
            for score, value in report.scores().items()
        }

    def write(self, test: Examples, folder: Path) -> None:
        """Write outputs.npy, and the tables and plots of the first target and input."""
        with atomic_files.whole_file(folder / "outputs.npy") as part:
            np.save(part, self._outputs())
        if not self.reports:
            _write_nothing(folder)
            return
        worst = next(iter(self.reports.values())).write(folder)
        self._draw_mistakes(test, worst, folder / "mistakes.png")

    def _outputs(self) -> np.ndarray:
        """The outputs of all targets; several are put side by side, (n, all their numbers)."""
        joined = [np.concatenate([each[name] for each in self.kept]) for name in self.kept[0]]
        if len(joined) == 1:
            return joined[0]
        return np.concatenate([each.reshape(len(each), -1) for each in joined], axis=1)

    def _draw_mistakes(self, test: Examples, worst: Worst, path: Path) -> None:
        first = next(iter(self.spec.inputs))
        x, is_image = as_dict(test.x, first)[first], self.spec.inputs[first].kind == "image"
        target = next(iter(self.spec.targets.values()))
        if len(target.output_shape) > 2:  # pictures
            plots.panels(
                x[worst.examples] if is_image else None, worst.panels, worst.captions, path
            )
        elif is_image:
            plots.worst_images(x[worst.examples], worst.captions, path)
        else:
            plots.worst_rows(worst.captions, worst.errors, path)


def _write_nothing(folder: Path) -> None:
    """Write the files of a report without targets, which DVC expects."""
    write_csv(folder / "predictions.csv", ("actual", "predicted"), ())
    write_csv(folder / "classes.csv", ("class", "precision", "recall", "examples"), ())
    write_curves(folder)
    for name in ("predictions.png", "mistakes.png"):
        plots.message("The data have no targets", folder / name)
