"""`lockstep run data.fold=all` runs each fold's experiment, and writes a page over all of them."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import t

from lockstep.evaluation.estimates import estimates, student_t
from pipelines.fold_report import as_markdown
from tests.support.workspaces import SMALL, git, run

METRICS = [{"accuracy": value, "loss": None if value < 0.8 else 1.0} for value in (0.9, 0.8, 0.7)]


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30])
def test_students_t_is_that_of_scipy(freedom: int) -> None:
    assert math.isclose(student_t(freedom), t.ppf(0.975, freedom), rel_tol=1e-9)


def test_mean_deviation_and_interval_over_the_folds() -> None:
    found = estimates(METRICS)["accuracy"]
    half = t.ppf(0.975, 2) * 0.1 / math.sqrt(3)
    assert found is not None
    np.testing.assert_allclose(found, (0.8, 0.1, 0.8 - half, 0.8 + half))


def test_a_metric_that_a_fold_has_not_is_not_averaged() -> None:
    assert estimates(METRICS)["loss"] is None
    page = as_markdown("lockstep run", ["a", "b", "c"], METRICS)
    rows = [line.split("|")[1:-1] for line in page.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in rows[3]] == ["loss", "-", "-", "-", "1", "1", "-"]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["data.fold=all"], "data.fold: got all and data.folds null, expected data.folds=K with"),
        (["data.folds=1", "data.fold=all"], "data.folds: got 1, expected null, or a whole number"),
    ],
)
def test_all_of_no_folds_is_refused(workspace: Path, overrides: list[str], line: str) -> None:
    slow = "tensorflow,prefect,mlflow,dvc"
    ended = run(workspace, "lockstep", "run", *overrides, LOCKSTEP_FORBIDDEN=slow)
    assert (ended.returncode, ended.stdout.count("\n")) == (2, 1), ended.stdout
    assert line in ended.stdout


@pytest.mark.system
def test_all_folds_by_one_command_which_goes_on_after_a_failure(
    make_workspace: Callable[..., Path], server: str
) -> None:
    root = make_workspace({**SMALL, "register.threshold": None}, "folds", until="evaluate")
    command = ["lockstep", "run", "data.folds=2", "data.fold=all"]
    (root / "report").mkdir()
    (root / "report" / "folds.json").mkdir()  # so that the page can't be written
    first = run(root, *command, PREFECT_API_URL=server)
    assert first.returncode != 0
    assert "train: ran\n" in first.stdout
    (root / "report" / "folds.json").rmdir()
    second = run(root, *command, PREFECT_API_URL=server)
    assert second.returncode == 0, second.stdout
    assert "train: ran\n" not in second.stdout  # DVC restores both folds
    figures = json.loads((root / "report" / "folds.json").read_text())
    accuracies = [each["test"]["accuracy"] for each in figures["folds"]]
    assert figures["test"]["accuracy"]["mean"] == pytest.approx(np.mean(accuracies))
    assert len(set(accuracies)) == 2
    assert (root / "report" / "folds.md").read_text() in second.stdout
    names = git(root, "for-each-ref", "--format=%(refname)", "refs/exps")
    assert all(f"/{each['experiment']}\n" in names for each in figures["folds"])
    assert git(root, "status", "--porcelain") == ""
