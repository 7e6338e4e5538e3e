"""A team by docs/team-day.md: clones of a bare repository, and a folder as DVC's remote.

Results that people already have are made in this process; all that the page says is run in shells.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mlflow import MlflowClient

from lockstep.versioning import promotions
from lockstep.versioning.promotions import Move
from lockstep.versioning.reproduction import reproduce_stage
from pipelines.stage_runs import in_process
from tests.support.mlflow_server import mlflow_server
from tests.support.page_commands import Page
from tests.support.workspaces import STAGES, git, run, write_params

pytestmark = pytest.mark.system
LINEAR = {"model.name": "linear", "train.epochs": 1, "register.threshold": None}
OURS, THEIRS = {"train.learning_rate": 0.05}, {"seed": 1}
MEANWHILE = Move("digits", "2", "1", "promote", "of another model", "")  # of a colleague
SHARED, JOINS, MEET = "Results are shared", "A colleague joins", "Two branches meet"
MOVES = "The MLflow server moves"


class Day(NamedTuple):
    """The page, the folder with the bare repository, and the clone whose results are shared."""

    page: Page
    folder: Path
    first: Path

    def cloned(self, place: Path) -> None:
        """Let a colleague clone the project; its environment is that of the tests."""
        clone, enter, _, *rest = self.page.take(JOINS)
        place.mkdir()
        # What `make env` does besides installing packages.
        environment = "python -m lockstep.versioning.git_merging ."
        shell(place, clone, enter, environment, *rest[:-1])


def shell(folder: Path, *lines: str) -> str:
    ended = run(folder, "bash", "-ec", "\n".join(lines))
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def work(root: Path, changes: dict[str, Any]) -> None:
    """Run an experiment with other parameters."""
    write_params(root, changes)
    for name in STAGES:
        reproduce_stage(root, name, in_process(root, name))


@pytest.fixture(scope="module")
def day(
    make_workspace: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    tensorflow: Any,
) -> Day:
    folder, first = tmp_path_factory.mktemp("day"), make_workspace(LINEAR, "first")
    shell(first, f"dvc remote add --default store {folder}/store", "git commit -qam Store")
    git(folder, "clone", "-q", "--bare", str(first), "origin.git")
    git(first, "remote", "add", "origin", str(folder / "origin.git"))
    page = Page("team-day.md", {"https://example.org/you/experiments.git": f"{folder}/origin.git"})
    work(first, OURS)
    shell(first, *page.take(SHARED))
    return Day(page, folder, first)


@pytest.fixture(scope="module")
def colleague(day: Day) -> Path:
    """A colleague's clone."""
    day.cloned(day.folder / "colleague")
    return day.folder / "colleague" / "lockstep"


def test_a_colleague_runs_no_stage_and_gets_the_model_registered(day: Day, colleague: Path) -> None:
    said = shell(colleague, day.page.take(JOINS)[-1])
    ended = [line for line in said.splitlines() if line.startswith(tuple(STAGES))]
    assert [line for line in ended if ": up to date" in line] == [
        *(f"{name}: up to date" for name in STAGES[:-1]),
        "register: up to date, and registered again, since the registry had lost the version",
    ], said
    assert git(colleague, "notes", "--ref", "lockstep", "list")
    assert git(colleague, "status", "--porcelain") == ""
    assert (colleague / "dvc.lock").read_bytes() == (day.first / "dvc.lock").read_bytes()


def test_a_new_server_gets_all(day: Day, colleague: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(colleague, tmp_path / "lockstep", symlinks=True))
    with mlflow_server(f"sqlite:///{tmp_path}/new.db", tmp_path) as address:
        day.page.values["http://10.0.0.8:5000"] = address
        shell(root, *day.page.take(MOVES))
        client = MlflowClient(address)
        leader = client.get_model_version_by_alias("digits", "champion")
        assert client.get_run(leader.run_id).info.status == "FINISHED"
        assert f'"weights": "{leader.tags["weights"]}"' in git(root, "log", "--notes=lockstep")


@pytest.fixture(scope="module")
def other(day: Day, colleague: Path) -> Path:
    """Another clone, in which a branch `other` has been run from before the shared results."""
    day.cloned(day.folder / "other")
    root = day.folder / "other" / "lockstep"
    git(root, "switch", "-q", "-c", "other", "HEAD^")
    work(root, THEIRS)
    *shared, push = day.page.take(SHARED)
    shell(root, *shared)
    promotions.record(day.first, "", MEANWHILE)
    git(day.first, "push", "-q", "origin", "refs/notes/lockstep")
    refused = run(root, "bash", "-ec", push)
    assert "refs/notes/lockstep -> refs/notes/lockstep (fetch first)" in refused.stdout
    shell(root, *day.page.take(SHARED, 1))
    moves = promotions.moves(root)
    assert MEANWHILE in moves
    assert len(moves) == 3  # with those of both runs
    git(colleague, "fetch", "-q")
    return root


def assert_clean(root: Path) -> None:
    assert git(root, "status", "--porcelain") == ""
    assert "Data and pipelines are up to date." in run(root, "dvc", "status").stdout


def test_two_branches_meet(colleague: Path, day: Day, other: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(colleague, tmp_path / "lockstep", symlinks=True))
    said = shell(root, *day.page.take(MEET))
    assert "Running stage 'train'" in said
    assert_clean(root)
    trained = (root / "dvc.lock").read_text().partition("  train:\n")[2]
    assert "        seed: 1\n" in trained
    assert "        train.learning_rate: 0.05\n" in trained


def test_the_other_branch_s_experiment_is_restored(
    colleague: Path, day: Day, other: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(colleague, tmp_path / "lockstep", symlinks=True))
    shell(root, day.page.take(MEET)[0])
    said = shell(root, *day.page.take(MEET, 1))
    assert "Running stage" not in said
    assert (root / "dvc.lock").read_bytes() == (other / "dvc.lock").read_bytes()
    assert "Data and pipelines are up to date." in run(root, "dvc", "status").stdout


def test_git_alone_ends_the_conflicts(
    colleague: Path, day: Day, other: Path, tmp_path: Path
) -> None:
    root = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(day.folder / "origin.git"), str(root))
    assert run(root, "git", "merge", "origin/other").returncode == 1
    assert run(root, "lockstep", "plan").returncode == 3
    shell(root, *day.page.take(MEET, 2))
    assert git(root, "diff", "--name-only", "--diff-filter=U") == ""
    assert run(root, "lockstep", "plan").returncode == 0


def test_each_command_of_the_page_was_run(day: Day) -> None:
    assert day.page.left == []
