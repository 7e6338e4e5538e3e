"""A person's own data, recorded by `dvc add`, in workspaces and on other machines."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.versioning import experiments
from lockstep.versioning.forecast import forecast
from lockstep.versioning.hashes import experiment_key
from lockstep.versioning.reproduction import graph
from pipelines import workspaces, worktrees
from tests.support.dvc_remotes import Remote, cloned, dvc, with_origin
from tests.support.pretended_stages import reproduce
from tests.support.workspaces import git, run

ROWS = "a,b,y\n" + "".join(f"{n},{n * n % 7},{'uv'[n % 2]}\n" for n in range(60))
SETTINGS = {"data.name": "csv", "data.path": "mine", "data.target": "y"}


@pytest.fixture(scope="module")
def recorded(make_workspace: Callable[..., Path]) -> Path:
    """A checkout with a folder of the user's own, which `dvc add` has recorded."""
    root = make_workspace(SETTINGS, "own", until="normalize")
    (root / "mine").mkdir()
    (root / "mine" / "train.csv").write_text(ROWS)
    dvc(root, "add", "mine")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Add data")
    return root


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / "checkout", copy_function=shutil.copy2))


def change(root: Path) -> str:
    with (root / "mine" / "train.csv").open("a") as file:
        file.write("1,2,u\n")
    return (root / "mine" / "train.csv").read_text()


def test_a_stage_has_no_stage_before_it_for_the_data(root: Path) -> None:
    assert [each.upstream for each in graph(root)] == [(), ("download",)]


def test_other_data_are_another_experiment(root: Path) -> None:
    before = experiment_key(root)
    change(root)
    assert experiment_key(root) != before


def test_a_run_records_changed_data_as_dvc_repro_does(root: Path) -> None:
    file = root / "mine.dvc"
    before = file.read_text()
    reproduce(root, "download", "normalize")
    assert file.read_text() == before
    change(root)
    assert reproduce(root, "download") == ["ran"]
    assert file.read_text() != before
    assert dvc(root, "status") == "Data and pipelines are up to date.\n"


def test_a_workspace_gets_the_recorded_data_and_no_link(root: Path) -> None:
    workspace = workspaces.create(root, ["normalize.method=standard"])
    assert not (workspace / "mine").exists()
    assert forecast(workspace, checked_out=True)[0].reasons == ["it has never run here"]
    experiments.checkout(workspace)
    assert not (workspace / "mine").is_symlink()
    assert (workspace / "mine" / "train.csv").read_text() == ROWS
    worktrees.remove(root, workspace)


def test_changed_data_stay_as_they_are_and_are_refused_in_a_workspace(root: Path) -> None:
    text = change(root)
    ended = run(root, "lockstep", "run", "normalize.method=standard")
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (
        3, "lockstep run: mine: got other data than mine.dvc records, expected the same; `dvc add "
        "mine` records them, `dvc checkout --force mine` restores those that were recorded",
    )  # fmt: skip
    assert (root / "mine" / "train.csv").read_text() == text
    dvc(root, "checkout", "--force", "mine")
    assert (root / "mine" / "train.csv").read_text() == ROWS


def test_data_that_are_not_here_are_named_with_the_command(root: Path) -> None:
    shutil.rmtree(root / "mine")
    ended = run(root, "lockstep", "run")
    assert (ended.returncode, ended.stdout) == (
        3, "lockstep run: mine: not here, but mine.dvc records it; `dvc pull mine` brings it\n",
    )  # fmt: skip


@pytest.mark.system
def test_another_clone_has_the_data_and_results_without_running_a_stage(root: Path) -> None:
    remote = Remote(str(root.parent / "store"))
    remote.configure(root)
    origin = with_origin(root)
    reproduce(root, "download", "normalize")
    dvc(root, "push")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Results")
    git(root, "push", "-q", "origin", "main")
    clone = cloned(origin, remote)
    dvc(clone, "pull")
    assert (clone / "mine" / "train.csv").read_text() == ROWS
    assert "Running stage" not in dvc(clone, "repro")
    ended = run(clone, "lockstep", "run")
    assert (ended.returncode, ended.stdout) == (0, "all stages are up to date: nothing to do\n")


def test_a_file_in_the_folder_data_is_recorded_too(root: Path) -> None:
    (root / "data" / "own.csv").write_text(ROWS)
    dvc(root, "add", "data/own.csv")
    (root / "data" / "own.csv").unlink()
    ended = run(root, "lockstep", "run", "data.path=data/own.csv")
    assert ended.returncode == 3
    assert "data/own.csv.dvc records it; `dvc pull data/own.csv` brings it" in ended.stdout
