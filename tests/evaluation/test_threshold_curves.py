"""ROC and precision-recall curves: scikit-learn's points, in small files."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from lockstep.data.spec import Target
from lockstep.evaluation.reports import report_of
from lockstep.evaluation.threshold_curves import MOST_CLASSES, MOST_POINTS

RANDOM = np.random.default_rng(3)
NAMES = ["a", "b", "c"]
Points = dict[str, np.ndarray]


def points(path: Path) -> Points:
    """The points of each class, (n, 2)."""
    with path.open(newline="") as lines:
        _, *rows = csv.reader(lines)
    found = defaultdict(list)
    for name, x, y in rows:
        found[name].append((float(x), float(y)))
    return {name: np.array(each) for name, each in found.items()}


def written(folder: Path, target: Target, y: np.ndarray, outputs: np.ndarray) -> list[Points]:
    report = report_of(target)
    for part in np.array_split(np.arange(len(y)), 3):
        report.add(y[part], outputs[part])
    report.write(folder)
    return [points(folder / f"{name}.csv") for name in ("roc", "precision_recall")]


def assert_as_scikit_learn(
    roc: np.ndarray, precision_recall: np.ndarray, actual: np.ndarray, outputs: np.ndarray
) -> None:
    wrong, right, _ = metrics.roc_curve(actual, outputs)
    precision, recall, _ = metrics.precision_recall_curve(actual, outputs)
    assert rounded(roc) <= rounded(np.stack([wrong, right], axis=1))
    assert rounded(precision_recall) <= rounded(np.stack([recall, precision], axis=1))
    area = metrics.roc_auc_score(actual, outputs)
    assert metrics.auc(*roc.T) == pytest.approx(area, abs=0.001)
    assert roc[[0, -1]].tolist() == [[0, 0], [1, 1]]
    assert precision_recall[0].tolist() == [0, 1]
    assert precision_recall[-1] == pytest.approx([1, actual.mean()], abs=1e-4)


def rounded(found: np.ndarray) -> set[tuple[float, ...]]:
    return {tuple(round(float(each), 4) for each in row) for row in found}


@pytest.mark.parametrize("count", [30, 5000])
def test_classes(tmp_path: Path, count: int) -> None:
    y = RANDOM.integers(0, 3, count)
    outputs = RANDOM.dirichlet([1, 1, 1], count).astype(np.float32)
    outputs = (outputs + 0.4 * np.eye(3, dtype=np.float32)[y]).round(3)  # some are equal
    roc, precision_recall = written(tmp_path, Target("classification", NAMES), y, outputs)
    assert list(roc) == list(precision_recall) == NAMES
    for number, name in enumerate(NAMES):
        expected = y == number, outputs[:, number]
        assert len(roc[name]) <= MOST_POINTS
        assert len(precision_recall[name]) <= MOST_POINTS
        assert_as_scikit_learn(roc[name], precision_recall[name], *expected)


def test_two_classes_with_one_output(tmp_path: Path) -> None:
    y = RANDOM.integers(0, 2, 200)
    # Close to 0, where 1 - output is 1 in float32.
    outputs = (10.0 ** RANDOM.uniform(-20, -9, (200, 1)) * (1 + y[:, None])).astype(np.float32)
    roc, precision_recall = written(tmp_path, Target("classification", ["no", "yes"]), y, outputs)
    assert_as_scikit_learn(roc["yes"], precision_recall["yes"], y == 1, outputs[:, 0])
    assert_as_scikit_learn(roc["no"], precision_recall["no"], y == 0, -outputs[:, 0])


def test_labels(tmp_path: Path) -> None:
    y = RANDOM.integers(0, 2, (100, 3)).astype(np.float32)
    y[:, 1] = 1  # has no false positives, so it has no curve
    outputs = RANDOM.uniform(size=(100, 3)).astype(np.float32)
    roc, precision_recall = written(tmp_path, Target("multilabel", NAMES), y, outputs)
    assert list(roc) == list(precision_recall) == ["a", "c"]
    for number, name in ((0, "a"), (2, "c")):
        expected = y[:, number] > 0, outputs[:, number]
        assert_as_scikit_learn(roc[name], precision_recall[name], *expected)


def test_by_hand(tmp_path: Path) -> None:
    y, outputs = np.array([1, 0, 1, 0]), np.array([[0.9], [0.8], [0.7], [0.1]], np.float32)
    roc, precision_recall = written(tmp_path, Target("classification", ["no", "yes"]), y, outputs)
    assert roc["yes"].tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    expected = [[0, 1], [0.5, 1], [0.5, 0.5], [1, 0.6667], [1, 0.5]]
    assert precision_recall["yes"].tolist() == expected


def test_of_many_classes_those_with_most_examples(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(30)]
    y = np.concatenate([np.arange(30), np.arange(3, 29, 2)])
    outputs = RANDOM.uniform(size=(len(y), 30)).astype(np.float32)
    roc, _ = written(tmp_path, Target("classification", names), y, outputs)
    assert list(roc) == names[3:23:2]
    assert len(roc) == MOST_CLASSES


def test_numbers_have_a_header_only(tmp_path: Path) -> None:
    written(tmp_path, Target("regression"), RANDOM.normal(size=20), RANDOM.normal(size=(20, 1)))
    found = [(tmp_path / f"{name}.csv").read_text() for name in ("roc", "precision_recall")]
    assert found == ["class,false_positive_rate,true_positive_rate\n", "class,recall,precision\n"]
