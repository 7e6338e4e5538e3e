"""`lockstep` uses the engine and files of the project that it is started in, from any folder."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import SMALL, run

SAY = '\n\n\nraise SystemExit("the engine of the second clone")\n'


@pytest.fixture(scope="module")
def clones(make_workspace: Callable[..., Path]) -> tuple[Path, Path]:
    """Two clones that share one environment; the second's engine has been edited."""
    first, second = make_workspace(SMALL, "first"), make_workspace(SMALL, "second")
    command = second / "lockstep" / "config" / "presets.py"
    command.write_text(command.read_text() + SAY)
    return first, second


def test_each_clone_uses_its_own_engine(clones: tuple[Path, Path]) -> None:
    first, second = (run(clone, "lockstep", "presets") for clone in clones)
    assert first.returncode == 0
    assert "mnist-cnn" in first.stdout
    assert second.stdout == "the engine of the second clone\n"


def test_an_existing_path_does_not_take_precedence(clones: tuple[Path, Path]) -> None:
    first, second = clones
    ended = run(second, "lockstep", "presets", PYTHONPATH=str(first))
    assert ended.stdout == "the engine of the second clone\n"


@pytest.mark.parametrize("folder", ["models", "tasks/datasets", "lockstep/process", "docs"])
def test_it_finds_the_project_from_any_folder_inside(
    clones: tuple[Path, Path], folder: str
) -> None:
    # tasks/datasets has a csv.py, and lockstep/process would shadow other modules.
    ended = run(clones[0] / folder, "lockstep", "plan")
    assert ended.returncode == 0, ended.stdout
    assert re.findall(r"^download +run", ended.stdout, re.MULTILINE)


def test_paths_on_the_command_line_are_from_the_current_folder(clones: tuple[Path, Path]) -> None:
    ended = run(clones[0] / "docs", "lockstep", "predict", "best", "nowhere.npy")
    assert "train it first" in ended.stdout  # the model is the project's
    ended = run(clones[0] / "docs", "lockstep", "predict", "../README.md", "nowhere.npy")
    assert "../README.md: not a saved model" in ended.stdout


def test_a_workspace_within_a_checkout_is_a_project_of_its_own(clones: tuple[Path, Path]) -> None:
    inner = clones[0] / "inner"
    inner.mkdir()
    (inner / "dvc.yaml").write_text("stages: {}\n")
    ended = run(inner, "lockstep", "presets")
    assert ended.returncode == 4
    assert ended.stdout == (
        f"lockstep presets: {inner}: has dvc.yaml but no pipelines/cli/__main__.py, expected a "
        "Lockstep project\n"
    )


def test_a_folder_outside_of_any_project_is_reported(tmp_path: Path) -> None:
    ended = run(tmp_path, "lockstep", "run")
    assert ended.returncode == 4
    assert ended.stdout == (
        f"lockstep run: {tmp_path}: no dvc.yaml here or above, expected to be run in a project\n"
    )
    assert run(tmp_path, "lockstep", "--version").returncode == 0


def test_it_can_be_started_as_a_module(clones: tuple[Path, Path]) -> None:
    ended = run(clones[1], sys.executable, "-m", "lockstep", "presets")
    assert ended.stdout == "the engine of the second clone\n"


def test_plain_python_runs_a_stage_of_the_current_folder(clones: tuple[Path, Path]) -> None:
    stage = clones[1] / "tasks" / "download.py"
    stage.write_text(stage.read_text() + '\n\nprint("the stage of the second clone")\n')
    ended = run(clones[1], "python", "-m", "tasks", "download")
    assert ended.returncode == 0, ended.stdout
    assert "the stage of the second clone" in ended.stdout


def test_in_a_folder_that_has_been_removed(tmp_path: Path) -> None:
    removed = 'mkdir gone && cd gone && rmdir "$PWD" && exec python -m lockstep run'
    ended = run(tmp_path, "bash", "-c", removed)
    assert ended.returncode == 4
    assert ended.stdout.endswith("has been removed, expected a project's; change to one by cd\n")
    assert "Traceback" not in ended.stdout
