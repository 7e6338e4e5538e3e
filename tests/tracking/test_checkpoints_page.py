"""MLflow's page of an experiment's models, in a real browser."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from lockstep.versioning.reproduction import reproduce_stage
from tasks.__main__ import run_stage
from tests.support.browser import keep, opened
from tests.support.mlflow_server import mlflow_server
from tests.support.workspaces import REPOSITORY, SMALL, run, write_params

HIDDEN = (
    "Status", "Logged from", "Registered models", "Dataset", "Dataset: digits test",
    "Dataset: digits train", "No dataset",
)  # fmt: skip
NODE = ".du-bois-light-tree-treenode"  # of the tree of columns


def hide(page: Any, column: str) -> None:
    """Take a column, or those of a data set, whose name ends with its hash, out of the table."""
    title = page.locator(f"[title='{column}'], [title^='{column} (']")
    page.locator(NODE).filter(has=title).locator(".du-bois-light-tree-checkbox").click()


@pytest.fixture(scope="module")
def database(make_workspace: Callable[..., Path], tensorflow: Any) -> str:
    """Three experiments whose order by the validation loss isn't that of their creation."""
    root = make_workspace({**SMALL, "tracking.checkpoints": "all"}, "pages", until="evaluate")

    def in_process(command: str) -> bool:
        run_stage(command.rsplit(maxsplit=1)[-1], root)
        return True

    for rate in (0.01, 0.001, 0.03):
        write_params(root, {"train.learning_rate": rate})
        for stage in ("download", "normalize", "build", "train", "evaluate"):
            reproduce_stage(root, stage, in_process)
    return f"sqlite:///{root / 'mlflow.db'}"


@pytest.mark.system
def test_the_page_shows_the_metrics_of_all_checkpoints_by_data_set(
    database: str, tmp_path: Path
) -> None:
    with mlflow_server(database, tmp_path) as server:
        pages = f"{server}/#/experiments/1/models?workflowType=machine_learning"
        with opened(pages, height=520) as page:
            page.get_by_label("Close").click()  # MLflow's assistant
            page.get_by_role("button", name="Columns").click()
            for each in HIDDEN:
                hide(page, each)
            page.keyboard.press("Escape")
            page.get_by_role("columnheader", name="val_loss").wait_for()
            runs = page.locator("a[href*='/runs/']").all_inner_texts()
            keep(page, "mlflow-checkpoints", tmp_path)
    assert {"lr=0.001", "lr=0.03"} < set(runs)
    assert len(set(runs)) == 3


@pytest.mark.system
def test_mlflow_sorts_the_checkpoints_of_all_runs(database: str, tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "servers.md").read_text()
    (code,) = re.findall(r"sorts by a metric:\n\n((?: {4}.*\n)+)", page)
    *before, last = dedent(code).splitlines()
    rates = f"print(*[each['train.learning_rate'] for each in {last}.params])"
    program = "\n".join(["import mlflow", *before, rates])
    ended = run(tmp_path, sys.executable, "-c", program, MLFLOW_TRACKING_URI=database)
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.splitlines()[-1] == "0.03 0.03 0.01 0.01 0.001 0.001"
