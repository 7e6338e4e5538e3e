"""The page of `dvc plots show` in a real browser without a network."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lockstep.evaluation.threshold_curves import write_curves
from lockstep.storage import layout
from lockstep.versioning.plots_page import copy_vega
from tests.support.browser import keep, opened
from tests.support.workspaces import git, run

pytestmark = pytest.mark.system

DRAWN = (
    "targets", "loss", "report_classes_csv", "report_predictions_csv", "report_roc_csv",
    "report_precision_recall_csv",
)  # fmt: skip
NEEDED = "got no .lockstep/vega.js in the project, and no answer from the network; make env"


@pytest.fixture
def evaluated(judged: Path, tmp_path: Path) -> Path:
    """A copy of the evaluated workspace, in which make env has put Vega."""
    root = Path(shutil.copytree(judged, tmp_path / "lockstep"))
    copy_vega(root)
    return root


def shown(root: Path, *command: str, folder: str = ".") -> str:
    """The address of the page that the command writes."""
    made = run(root / folder, "dvc", "plots", *(command or ("show",)))
    assert made.returncode == 0, made.stdout
    return made.stdout.split()[-1]


def drawings(page: Any, name: str) -> Any:
    return page.locator(f"#{name} canvas")


def test_the_plots_are_drawn_without_a_network(evaluated: Path, tmp_path: Path) -> None:
    with opened(shown(evaluated), offline=True) as page:
        for name in DRAWN:
            drawings(page, name).wait_for()
        assert not page.locator("#note").is_visible()
        # Of the history of single steps, which isn't asked for, there is a header only.
        page.get_by_text("report_steps_csv: no values").wait_for()
        keep(page, "plots", tmp_path)


def test_a_page_in_a_folder_of_the_project(evaluated: Path) -> None:
    with opened(shown(evaluated, folder="report"), offline=True) as page:
        drawings(page, "loss").wait_for()
        drawings(page, "___report_roc_csv").wait_for()


def test_without_vega_the_page_says_what_it_needs(evaluated: Path) -> None:
    (evaluated / layout.VEGA).unlink()
    with opened(shown(evaluated), offline=True) as page:
        page.get_by_text(NEEDED).wait_for()
        assert page.locator("canvas").count() == 0


def test_numbers_have_no_curves(evaluated: Path) -> None:
    write_curves(evaluated / "report")  # as for a regression
    with opened(shown(evaluated), offline=True) as page:
        page.get_by_text("report_roc_csv: no values").wait_for()
        page.get_by_text("report_precision_recall_csv: no values").wait_for()
        drawings(page, "loss").wait_for()


def test_revisions_are_compared(evaluated: Path) -> None:
    git(evaluated, "add", "-A")
    git(evaluated, "commit", "-qm", "First")
    for name in ("roc", "precision_recall"):
        file = evaluated / "report" / f"{name}.csv"
        file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    # In the lines above it says that HEAD has no outputs in DVC's cache.
    *_, line = run(evaluated, "dvc", "plots", "diff", "HEAD", "--json").stdout.splitlines()
    data = json.loads(line)["data"]
    for name in ("roc", "precision_recall"):
        (plot,) = data[f"report/{name}.csv"]
        assert set(plot["revisions"]) == {"HEAD", "workspace"}
    with opened(shown(evaluated, "diff", "HEAD"), offline=True) as page:
        for name in DRAWN:
            drawings(page, name).wait_for()


def test_a_workspace_uses_the_copy_of_its_project(evaluated: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_vega(project)
    (evaluated / layout.VEGA).unlink()
    root = Path(shutil.copytree(evaluated, project / layout.WORKSPACES / "one"))
    with opened(shown(root), offline=True) as page:
        drawings(page, "report_roc_csv").wait_for()
