"""The stage that judges the chosen weights on the test split, in numbers and pictures."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from params import Params
from tasks import (
    _bundle,
    _files,
    _model,
    _objective,
    _plots,
    _preprocessing,
    _runtime,
    _scores,
    _spec,
)
from tasks._loop import Loop
from tasks._spec import Examples, Spec
from tasks._steps import Steps
from tasks._tracking import runs


def evaluate(params: Params, root: Path) -> None:
    """Write report/metrics.json, the outputs for the test split, tables and pictures."""
    _bundle.forget_finished(root)
    with runs.record(params, root, "evaluate"):
        spec, test = _spec.read(root), _spec.examples(root, "test")
        loss, outputs = _test(params, spec, test, root)
        report = root / "report"
        with _files.whole_file(report / "outputs.npy") as part:
            np.save(part, outputs)
        _plots.curves(_history(report / "history.csv"), report / "curves.png")
        if spec.task == "classification":
            scores = _judge_classes(outputs, test, spec, report)
        else:
            scores = _judge_numbers(outputs[:, 0], test, spec, report)
        _files.write_json(report / "metrics.json", {"test": {**loss, **scores}})


def _test(
    params: Params, spec: Spec, test: Examples, root: Path
) -> tuple[dict[str, float], np.ndarray]:
    """The loss and metrics that training used, and the outputs: (n, classes) or (n, 1)."""
    strategy = _runtime.start(params.seed, memory_growth=params.train.memory_growth)
    with strategy.scope():
        weights = root / "weights" / f"{params.evaluate.weights}.weights.h5"
        model = _model.make_with(params, spec, weights)
        _objective.compile_for_testing(model, params, spec)
        steps = Steps(model, strategy, _preprocessing.layers(spec))
    loop = Loop(steps, params.train.batch_size, params.seed)
    found = {name: round(value, _scores.DIGITS) for name, value in loop.evaluate(test).items()}
    return found, loop.predict(test.x)


def _judge_classes(
    probabilities: np.ndarray, test: Examples, spec: Spec, report: Path
) -> dict[str, float]:
    predicted, labels = probabilities.argmax(axis=1), test.y
    _write_tables(labels, predicted, spec.classes, report)
    counts = _scores.confusion(labels, predicted, len(spec.classes))
    _plots.confusion(counts, spec.classes, report / "predictions.png")
    # Worst first: the least belief in the true class.
    belief = probabilities[np.arange(len(labels)), labels]
    worst = np.argsort(belief, kind="stable")
    worst = worst[predicted[worst] != labels[worst]][: _plots.WORST]
    captions = [
        f"#{each} {spec.classes[labels[each]]}, not {spec.classes[predicted[each]]}"
        for each in worst
    ]
    _draw_worst(test.x[worst], captions, 1 - belief[worst], spec, report)
    return _scores.classification(probabilities, labels)


def _judge_numbers(
    predicted: np.ndarray, test: Examples, spec: Spec, report: Path
) -> dict[str, float]:
    _write_tables(*_scores.in_bins(test.y, predicted), report)
    _plots.residuals(test.y, predicted, report / "predictions.png")
    errors = np.abs(test.y - predicted)
    worst = np.argsort(-errors, kind="stable")[: _plots.WORST]
    captions = [f"#{each} {test.y[each]:.4g}, not {predicted[each]:.4g}" for each in worst]
    _draw_worst(test.x[worst], captions, errors[worst], spec, report)
    return _scores.regression(predicted, test.y)


def _write_tables(
    labels: np.ndarray, predicted: np.ndarray, names: list[str], report: Path
) -> None:
    pairs = ((names[actual], names[guess]) for actual, guess in zip(labels, predicted, strict=True))
    _write_csv(report / "predictions.csv", ("actual", "predicted"), pairs)
    header = ("class", "precision", "recall", "examples")
    _write_csv(report / "classes.csv", header, _scores.by_class(labels, predicted, names))


def _draw_worst(
    x: np.ndarray, captions: list[str], errors: np.ndarray, spec: Spec, report: Path
) -> None:
    if spec.kind == "image":
        _plots.worst_images(x, captions, report / "mistakes.png")
    else:
        _plots.worst_rows(captions, errors, report / "mistakes.png")


def _history(path: Path) -> dict[str, np.ndarray]:
    table = np.genfromtxt(path, delimiter=",", names=True)
    return {name: np.atleast_1d(table[name]) for name in table.dtype.names or ()}


def _write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    _files.write_text(path, text.getvalue())
