"""The stage that evaluates the chosen weights on the test split: metrics, tables and plots."""

from functools import partial
from pathlib import Path

import numpy as np

from lockstep.config.schema import Params
from lockstep.data.spec import Examples, Spec, load_examples, read_spec
from lockstep.evaluation import plots
from lockstep.evaluation.evaluation_report import EvaluationReport
from lockstep.evaluation.scores import DIGITS
from lockstep.evaluation.tables import read_history
from lockstep.modeling import outputs, preprocessing
from lockstep.modeling.compile import compile_for_testing
from lockstep.modeling.model import make_model_with
from lockstep.modeling.model_file import as_asked
from lockstep.runtime import devices
from lockstep.runtime.strategy import start_runtime
from lockstep.storage import atomic_files, layout
from lockstep.tracking import recorder
from lockstep.training import snapshots
from lockstep.training.loop import Loop
from lockstep.training.sources import choose_source, stored_bytes
from lockstep.training.steps import Steps


def evaluate(params: Params, root: Path) -> None:
    """Write report/metrics.json, the model's outputs for the test split, tables and plots.

    With several targets, metrics.json covers each, the tables and plots only the first. A metric
    that isn't defined is null.
    """
    snapshots.remove_finished(root)
    with recorder.record(params, root, "evaluate"):
        spec, test = as_asked(params, read_spec(root)), load_examples(root, "test")
        loop, spec = _loop(params, spec, test, root)
        metrics = {name: round(value, DIGITS) for name, value in loop.evaluate(test).items()}
        report = EvaluationReport(spec)
        for batch, found in loop.predict_batches(test):
            report.add(batch, found)
        plots.use_style()
        plots.curves(read_history(root / layout.HISTORY), root / layout.CURVES_PLOT)
        report.write(test, root / layout.REPORT)
        # A requested metric is Keras's, also where a score has the same name.
        others = {name: each for name, each in report.scores().items() if name not in metrics}
        scores = {**metrics, **others}
        known = {name: value if np.isfinite(value) else None for name, value in scores.items()}
        atomic_files.write_json(root / layout.METRICS, {"test": known})


def _loop(params: Params, spec: Spec, test: Examples, root: Path) -> tuple[Loop, Spec]:
    """Return a loop that tests the chosen weights on one device, and what the outputs are."""
    strategy = start_runtime(params.seed, memory_growth=params.train.memory_growth)
    with strategy.scope():
        weights = root / layout.weights_of(params.evaluate.weights)
        model = make_model_with(params, spec, weights)
        compile_for_testing(model, params, spec, root)
        found = outputs.given_by(model, spec)
        steps = Steps(
            model,
            strategy,
            preprocessing.layers(spec),
            scale_targets=partial(preprocessing.scaled_targets, spec),
            probabilities=outputs.probabilities(found, spec.targets),
        )
    steps.build(test)
    placement, size = params.train.data_placement, stored_bytes([test])
    source = choose_source(placement, size, 1, devices.kind(), steps.bytes)
    loop = Loop(steps, params.train.batch_size, params.seed, source=source)
    return loop, outputs.described(spec, found)
