"""The evaluation: numbers that agree with scikit-learn's, files that DVC can show."""

import csv
import hashlib
import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics

from lockstep.data.spec import load_examples
from lockstep.evaluation import scores
from tasks import datasets, evaluate
from tests.support.workspaces import STAGES, change_params, load, run_stages

RANDOM = np.random.default_rng(1)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_numbers_agree_with_scikit_learn(judged: Path) -> None:
    labels = load_examples(judged, "test").y
    outputs = np.load(judged / "report" / "outputs.npy")
    predicted = outputs.argmax(axis=1)
    found = json.loads((judged / "report" / "metrics.json").read_text())["test"]
    expected = metrics.precision_recall_fscore_support(labels, predicted, zero_division=0)
    assert found == pytest.approx(
        {
            "loss": metrics.log_loss(labels, outputs),
            "accuracy": metrics.accuracy_score(labels, predicted),
            "macro_precision": expected[0].mean(),
            "macro_recall": expected[1].mean(),
        },
        abs=1e-5,
    )
    classes = table(judged / "report" / "classes.csv")
    assert [float(row["precision"]) for row in classes] == pytest.approx(expected[0], abs=1e-5)
    assert [float(row["recall"]) for row in classes] == pytest.approx(expected[1], abs=1e-5)
    assert [int(row["examples"]) for row in classes] == expected[3].tolist()


def test_every_test_example_is_in_the_table(judged: Path) -> None:
    rows = table(judged / "report" / "predictions.csv")
    labels = load_examples(judged, "test").y
    assert [row["actual"] for row in rows] == [str(label) for label in labels]


def test_a_style_that_a_callback_has_set_changes_no_plot(judged: Path, tmp_path: Path) -> None:
    """In the process of a sweep, the training of a trial comes after evaluations of others."""
    import matplotlib as mpl

    def drawn(root: Path) -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in (root / "report").glob("*.png")}

    root = Path(shutil.copytree(judged, tmp_path / "lockstep"))
    mpl.rcParams.update({"axes.facecolor": "black", "font.size": 7, "savefig.pad_inches": 1})
    run_stages(root, "evaluate")
    assert len(drawn(root)) > 1
    assert drawn(root) == drawn(judged)


@pytest.mark.parametrize("name", ["curves", "mistakes", "predictions"])
def test_plots_are_valid_images(judged: Path, name: str) -> None:
    from matplotlib.image import imread

    picture = imread(judged / "report" / f"{name}.png")
    assert min(picture.shape[:2]) > 100
    assert picture[..., :3].std() > 0


def test_evaluating_twice_gives_the_same_bytes(judged: Path) -> None:
    report = (judged / "report").iterdir()
    files = [file for file in report if file.is_file() and file.name != "history.csv"]
    before = {file: file.read_bytes() for file in files}
    evaluate.evaluate(load(judged), judged)
    assert {file: file.read_bytes() for file in files} == before


def test_regression_scores_agree_with_scikit_learn() -> None:
    targets, predicted = RANDOM.normal(size=50), RANDOM.normal(size=50)
    assert scores.regression(predicted, targets) == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(targets, predicted),
            "rmse": metrics.root_mean_squared_error(targets, predicted),
            "r2": metrics.r2_score(targets, predicted),
        },
        abs=1e-5,
    )


def test_confusion_agrees_with_scikit_learn() -> None:
    labels, predicted = RANDOM.integers(0, 4, (2, 60))
    expected = metrics.confusion_matrix(labels, predicted, labels=range(4))
    np.testing.assert_array_equal(scores.confusion(labels, predicted, 4), expected)


LINE = """
import numpy as np

FOLDER = None
ADDRESSES = ("package://numpy/numpy/",)
FILES = {"version.py": (SIZE, "SHA256")}
TARGET_KIND = "regression"
CLASSES = ()


def read(folder):
    x = np.linspace(-1, 1, 200)[:, None]
    y = 3 * x[:, 0] + 1
    return {"train": (x[::2], y[::2]), "test": (x[1::2], y[1::2])}
"""


@pytest.mark.system
def test_a_regression_data_set_is_one_new_file(
    workspace: Path, tensorflow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = Path(np.__file__).with_name("version.py").read_bytes()
    source = LINE.replace("SIZE", str(len(content)))
    source = source.replace("SHA256", hashlib.sha256(content).hexdigest())
    (workspace / "tasks" / "datasets" / "mine.py").write_text(source)
    monkeypatch.setattr(datasets, "__path__", [str(workspace / "tasks" / "datasets")])
    changes: dict[str, Any] = {
        "data.name": "mine",
        "model.name": "linear",
        "train.epochs": 60,
        "train.learning_rate": 0.1,
        "train.batch_size": 10,
        "register.metric": "rmse",
        "register.threshold": 0.1,
    }
    values = change_params(workspace, changes)
    for name in STAGES:
        getattr(import_module(f"tasks.{name}"), name)(values, workspace)
    found = json.loads((workspace / "report" / "metrics.json").read_text())["test"]
    assert set(found) == {"loss", "mean_absolute_error", "mae", "rmse", "r2"}
    assert found["r2"] > 0.99
    registered = json.loads((workspace / "report" / "registered.json").read_text())
    assert (registered["metric"], registered["verdict"]) == ("rmse", "passed")
    assert len(table(workspace / "report" / "predictions.csv")) == 100
    assert (workspace / "report" / "mistakes.png").exists()
