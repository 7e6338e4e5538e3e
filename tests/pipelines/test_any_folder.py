"""Runs with overrides in a folder of any name, below a larger git repository, in a git worktree."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.storage.checkout import main_checkout
from lockstep.versioning import experiments
from lockstep.versioning.hashes import experiment_inputs
from pipelines import workspaces, worktrees
from tests.support.pretended_stages import reproduce, shorten
from tests.support.workspaces import REPOSITORY, SMALL, git, run

pytestmark = pytest.mark.system

ODD = "Lück e $x'"
NAMES = [ODD, "100%20 #1 %(a)s", 'quo"te ;&', "n" * 200]


@pytest.fixture(scope="module")
def pretending(make_workspace: Callable[..., Path]) -> Path:
    """A clone with cheap stand-ins for the stages; tests copy it."""
    root = make_workspace(name="pretending")
    shorten(root)
    git(root, "commit", "-qam", "Shorten")
    return root


def save_experiment(root: Path) -> str:
    """Run an experiment in a workspace, as `lockstep run` does, with the stand-ins."""
    workspace = workspaces.create(root, ["train.epochs=3"])
    with workspaces.removed(root, workspace):
        experiments.checkout(workspace)
        reproduce(workspace)
        workspaces.save(workspace, "three", experiment_inputs(workspace), None)
    return "three"


def assert_applies(root: Path, name: str) -> None:
    applied = run(root, "dvc", "exp", "apply", name)
    assert applied.returncode == 0, applied.stdout
    assert (root / "data" / "ready" / "spec.json").exists()
    assert (root / "weights" / "last.weights.h5").exists()
    assert "epochs: 3 " in (root / "params.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_in_a_folder_of_any_name(pretending: Path, tmp_path: Path, name: str) -> None:
    root = Path(shutil.copytree(pretending, tmp_path / name))
    assert_applies(root, save_experiment(root))


def test_in_a_folder_that_is_a_link(pretending: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pretending, tmp_path / "real"))
    (tmp_path / "link").symlink_to(root)
    assert_applies(tmp_path / "link", save_experiment(tmp_path / "link"))


def test_in_a_folder_of_a_larger_repository(pretending: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    root = Path(
        shutil.copytree(
            pretending, whole / "team" / ODD, ignore=shutil.ignore_patterns(".git", ".lockstep")
        )
    )
    git(whole, "init", "-q")
    (whole / "other.txt").write_text("1")
    git(whole, "add", "-A")
    git(whole, "commit", "-qm", "Start")
    (whole / "other.txt").write_text("2")
    assert main_checkout(root) == root
    assert_applies(root, save_experiment(root))
    assert {each.name for each in whole.iterdir()} == {".git", "other.txt", "team"}
    assert {each.name for each in (root / ".lockstep" / "workspaces").iterdir()} == set()
    assert len(git(whole, "worktree", "list").splitlines()) == 1


def test_all_worktrees_share_one_cache(pretending: Path, tmp_path: Path) -> None:
    main = Path(shutil.copytree(pretending, tmp_path / "main"))
    git(main, "worktree", "add", "-q", "-b", "mine", "../mine")
    mine = tmp_path / "mine"
    reproduce(mine)  # fills a cache of its own
    own = {each.name for each in (mine / ".dvc" / "cache").rglob("*") if each.is_file()}
    assert own
    name = save_experiment(mine)
    assert not (mine / ".dvc" / "cache").exists()
    assert own <= {each.name for each in (main / ".dvc" / "cache").rglob("*")}
    assert_applies(mine, name)
    assert_applies(main, name)


def test_relative_paths_of_the_local_configuration_keep_their_meaning(
    pretending: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(pretending, tmp_path / ODD))
    added = run(root, "dvc", "remote", "add", "--local", "-d", "store", "../store")
    assert added.returncode == 0, added.stdout
    workspace = workspaces.create(root, [])
    listed = run(workspace, "dvc", "push")
    worktrees.remove(root, workspace)
    assert listed.returncode == 0, listed.stdout
    assert "store" not in {each.name for each in (root / ".lockstep").rglob("*")}


@pytest.mark.parametrize("name", ["new\nline", "a:b", "what?"])
def test_an_unsupported_name_is_one_line(project: Path, name: str) -> None:
    root = project.rename(project.with_name(name))
    commands = (("lockstep", "plan"), ("python", "-P", "-m", "tasks", "download"))
    for command, start in zip(commands, ("lockstep plan", "download"), strict=True):
        ended = run(root, *command, PYTHONPATH=str(REPOSITORY))
        assert ended.returncode == 4, ended.stdout
        assert ended.stdout.startswith(f"{start}: ")
        assert ended.stdout.count("\n") == 1
        assert "expected a folder without colons" in ended.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="this user can't mount a small disk")
def test_a_repository_of_another_user_is_one_line(pretending: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(pretending, tmp_path / "theirs"))
    subprocess.run(["chown", "-R", "65534", root], check=True)
    for arguments in ((), ("train.epochs=3",)):
        ended = run(root, "lockstep", "run", *arguments)
        assert ended.returncode == 4, ended.stdout
        assert ended.stdout.count("\n") == 1
        assert f"git config --global --add safe.directory {root}" in ended.stdout


def test_make_finds_the_environment_in_any_folder(tmp_path: Path) -> None:
    for name in (ODD, NAMES[2]):
        root = tmp_path / name
        (root / ".venv" / "bin").mkdir(parents=True)
        for file in ("Makefile", "requirements.lock", "pyproject.toml"):
            shutil.copy(REPOSITORY / file, root)
        (root / ".venv" / "ready").touch()
        dvc = root / ".venv" / "bin" / "dvc"
        dvc.write_text('#!/bin/sh\nprintf "%s\\n" "$VIRTUAL_ENV" "$@"\n')
        dvc.chmod(0o755)
        made = run(root, "make", "-s", "repro")
        assert made.stdout == f"{root}/.venv\nrepro\n"
    (tmp_path / "new\nline").mkdir()
    for file in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(REPOSITORY / file, tmp_path / "new\nline")
    refused = run(tmp_path / "new\nline", "make", "env")
    assert "got a colon, a question mark or a line break in the folder's name" in refused.stdout


def test_the_environment_is_activated_in_any_folder(tmp_path: Path) -> None:
    root = tmp_path / ODD
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / ".venv"], check=True)
    shutil.copy(REPOSITORY / "Makefile", root)
    made = run(root, "make", "-s", "activate")
    assert made.returncode == 0, made.stdout
    shown = run(
        root, "sh", "-c", '. .venv/bin/activate && echo "$VIRTUAL_ENV" && command -v python'
    )
    assert shown.stdout == f"{root}/.venv\n{root}/.venv/bin/python\n"


@pytest.mark.system
@pytest.mark.parametrize("name", NAMES[:2])
def test_a_real_run_in_a_folder_of_any_name(
    make_workspace: Callable[..., Path], server: str, name: str
) -> None:
    made = make_workspace({**SMALL, "register.threshold": 0})
    root = made.rename(made.with_name(name))
    ended = run(
        root, "lockstep", "run", "train.epochs=3",
        PREFECT_API_URL=server, LC_ALL="C",
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    (saved,) = [line for line in ended.stdout.splitlines() if line.startswith("saved as ")]
    assert_applies(root, saved.removeprefix("saved as "))
    assert list((root / "mlartifacts").iterdir())
