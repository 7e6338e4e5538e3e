"""The stage that evaluates the chosen weights on the test split: metrics, tables and plots."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lockstep.config.schema import Params
from lockstep.data.spec import Examples, Spec, X, Y, as_dict, load_examples, read_spec
from lockstep.evaluation import plots, scores
from lockstep.modeling import preprocessing
from lockstep.modeling.compile import compile_for_testing, one_hot_classes
from lockstep.modeling.model import make_model_with
from lockstep.runtime import devices
from lockstep.runtime.strategy import start_runtime
from lockstep.storage import atomic_files, layout
from lockstep.tracking import recorder
from lockstep.training import snapshots
from lockstep.training.loop import Loop
from lockstep.training.sources import choose_source, stored_bytes
from lockstep.training.steps import Steps


class Worst(NamedTuple):
    """The worst mistakes, the worst first, with the examples' indices."""

    captions: list[str]
    examples: np.ndarray
    errors: np.ndarray


def evaluate(params: Params, root: Path) -> None:
    """Write report/metrics.json, the model's outputs for the test split, tables and plots.

    With several targets, metrics.json covers each, the tables and plots only the first.
    """
    snapshots.remove_finished(root)
    with recorder.record(params, root, "evaluate"):
        spec, test = read_spec(root), load_examples(root, "test")
        metrics, outputs = _test(params, spec, test, root)
        report = root / "report"
        with atomic_files.whole_file(root / layout.OUTPUTS) as part:
            np.save(part, np.concatenate(list(outputs.values()), axis=1))
        plots.curves(_history(report / "history.csv"), report / "curves.png")
        for name, target in spec.targets.items():
            judged = scores.score(target.kind, outputs[name], as_dict(test.y, Y)[name])
            prefix = f"{name}_" if len(spec.targets) > 1 else ""
            metrics |= {f"{prefix}{score}": value for score, value in judged.items()}
        _show(spec, test, outputs, report)
        atomic_files.write_json(report / "metrics.json", {"test": metrics})


def _test(
    params: Params, spec: Spec, test: Examples, root: Path
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """The test split's loss and metrics, and the outputs for each target, (n, outputs)."""
    strategy = start_runtime(params.seed, memory_growth=params.train.memory_growth)
    with strategy.scope():
        weights = root / layout.weights_of(params.evaluate.weights)
        model = make_model_with(params, spec, weights)
        compile_for_testing(model, params, spec, root)
        one_hot = one_hot_classes(params, spec)
        steps = Steps(model, strategy, preprocessing.layers(spec), one_hot=one_hot)
    steps.build(test)
    placement, size = params.train.data_placement, stored_bytes([test])
    source = choose_source(placement, size, 1, devices.kind(), steps.bytes)
    loop = Loop(steps, params.train.batch_size, params.seed, source=source)
    metrics = {name: round(value, scores.DIGITS) for name, value in loop.evaluate(test).items()}
    return metrics, dict(zip(spec.targets, loop.predict(test).values(), strict=True))


def _show(spec: Spec, test: Examples, outputs: dict[str, np.ndarray], report: Path) -> None:
    """Write the tables and plots for the first target and the first input."""
    name, target = next(iter(spec.targets.items()))
    y = as_dict(test.y, Y)[name]
    if target.kind == "classification":
        captions, worst, errors = _show_classes(outputs[name], y, target.classes, report)
    else:
        captions, worst, errors = _show_numbers(outputs[name][:, 0], y, report)
    first, x = next(iter(as_dict(test.x, X).items()))
    if spec.inputs[first].kind == "image":
        plots.worst_images(x[worst], captions, report / "mistakes.png")
    else:
        plots.worst_rows(captions, errors, report / "mistakes.png")


def _show_classes(
    outputs: np.ndarray, labels: np.ndarray, classes: list[str], report: Path
) -> Worst:
    probabilities = scores.probabilities(outputs)
    predicted = probabilities.argmax(axis=1)
    _write_tables(labels, predicted, classes, report)
    counts = scores.confusion(labels, predicted, len(classes))
    plots.confusion(counts, classes, report / "predictions.png")
    # Worst first: the lowest probability for the true class.
    confidence = probabilities[np.arange(len(labels)), labels]
    worst = np.argsort(confidence, kind="stable")
    worst = worst[predicted[worst] != labels[worst]][: plots.WORST]
    captions = [
        f"#{each} {classes[labels[each]]}, not {classes[predicted[each]]}" for each in worst
    ]
    return Worst(captions, worst, 1 - confidence[worst])


def _show_numbers(predicted: np.ndarray, y: np.ndarray, report: Path) -> Worst:
    _write_tables(*scores.in_bins(y, predicted), report)
    plots.residuals(y, predicted, report / "predictions.png")
    errors = np.abs(y - predicted)
    worst = np.argsort(-errors, kind="stable")[: plots.WORST]
    captions = [f"#{each} {y[each]:.4g}, not {predicted[each]:.4g}" for each in worst]
    return Worst(captions, worst, errors[worst])


def _write_tables(
    labels: np.ndarray, predicted: np.ndarray, names: list[str], report: Path
) -> None:
    pairs = ((names[actual], names[guess]) for actual, guess in zip(labels, predicted, strict=True))
    _write_csv(report / "predictions.csv", ("actual", "predicted"), pairs)
    header = ("class", "precision", "recall", "examples")
    _write_csv(report / "classes.csv", header, scores.by_class(labels, predicted, names))


def _history(path: Path) -> dict[str, np.ndarray]:
    table = np.genfromtxt(path, delimiter=",", names=True)
    return {name: np.atleast_1d(table[name]) for name in table.dtype.names or ()}


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    atomic_files.write_text(path, text.getvalue())
