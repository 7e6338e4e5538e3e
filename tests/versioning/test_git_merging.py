"""Two branches with results of different experiments meet, in two clones with a bare origin."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from lockstep.versioning import git_merging, lock_file
from lockstep.versioning.reproduction import reproduce_stage
from pipelines.stage_runs import in_process
from tests.support.workspaces import REPOSITORY, STAGES, git, run, write_params

pytestmark = pytest.mark.system
LINEAR = {"model.name": "linear", "train.epochs": 1, "register.threshold": None}
OURS, THEIRS = {"train.learning_rate": 0.05}, {"seed": 1}
PICTURE = "report/curves.png"


class Team(NamedTuple):
    """Two clones; the second has pushed its branch `other`, the first has it as origin/other."""

    first: Path
    second: Path
    base: bool  # the commit that both branches began at has results, too


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that both clones have for DVC's cache."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module", params=[False, True], ids=["first results", "later results"])
def team(
    request: pytest.FixtureRequest,
    make_workspace: Callable[..., Path],
    tmp_path_factory: pytest.TempPathFactory,
    cache: Path,
    tensorflow: Any,
) -> Team:
    folder, source = tmp_path_factory.mktemp("team"), make_workspace(LINEAR, "source")
    git(folder, "clone", "-q", "--bare", str(source), "origin.git")
    first, second = folder / "first", folder / "second"
    cloned(folder, first, cache)
    if request.param:
        work(first, {}, "Results")
        git(first, "push", "-q")
    cloned(folder, second, cache)
    git(second, "switch", "-q", "-c", "other")
    work(second, THEIRS, "Theirs")
    git(second, "push", "-q", "-u", "origin", "other")
    work(first, OURS, "Ours")
    git(first, "fetch", "-q")
    return Team(first, second, request.param)


@pytest.fixture
def first(team: Team, tmp_path: Path) -> Path:
    """A copy of the first clone, which merges as `make env` has configured it."""
    root = Path(shutil.copytree(team.first, tmp_path / "lockstep", symlinks=True))
    assert configure(root) == ""
    return root


def cloned(folder: Path, root: Path, cache: Path) -> None:
    git(folder, "clone", "-q", "origin.git", str(root))
    assert run(root, "dvc", "cache", "dir", "--local", str(cache)).returncode == 0


def work(root: Path, changes: dict[str, Any], message: str) -> None:
    """Run an experiment, and commit it with its results."""
    write_params(root, changes)
    for name in STAGES:
        reproduce_stage(root, name, in_process(root, name))
    git(root, "add", "-A")
    git(root, "commit", "-qm", message)


def configure(root: Path) -> str:
    """Do what `make env` does, and return what is said."""
    module = "lockstep.versioning.git_merging"
    return run(root, sys.executable, "-m", module, ".").stdout


def unmerged(root: Path) -> set[str]:
    return set(git(root, "diff", "--name-only", "--diff-filter=U").split())


def entries(root: Path, revision: str = "") -> dict[str, Any]:
    text = (
        git(root, "show", f"{revision}:dvc.lock") if revision else (root / "dvc.lock").read_text()
    )
    return dict(YAML(typ="safe").load(text)["stages"])


def assert_merged(root: Path, ours: str, theirs: str) -> None:
    """Nothing conflicts, both branches' parameters are there, and each entry is one of a run."""
    assert unmerged(root) == set()
    params = YAML(typ="safe").load(root / "params.yaml")
    assert (params["train"]["learning_rate"], params["seed"]) == (0.05, 1)
    lock_file.check(root)
    sides = [entries(root, ours), entries(root, theirs)]
    for name, each in entries(root).items():
        assert each in [side[name] for side in sides], name
    assert "<<<<" not in "".join(each.read_text() for each in (root / "report").glob("*.*[nv]"))
    assert run(root, "dvc", "status").returncode == 0


def assert_reproduced(root: Path) -> None:
    ended = run(root, "dvc", "repro")
    assert ended.returncode == 0, ended.stdout
    assert "Data and pipelines are up to date." in run(root, "dvc", "status").stdout
    trained = entries(root)["train"]["params"]["params.yaml"]
    assert (trained["train.learning_rate"], trained["seed"]) == (0.05, 1)


def test_without_the_drivers_results_stand_in_the_way(team: Team, tmp_path: Path) -> None:
    """A clone in which `make env` hasn't been run: the conflicts are ended afterwards."""
    root = Path(shutil.copytree(team.first, tmp_path / "lockstep", symlinks=True))
    assert run(root, "git", "merge", "origin/other").returncode == 1
    assert {"dvc.lock", PICTURE, "report/metrics.json"} <= unmerged(root)
    ended = run(root, "lockstep", "plan")
    assert (ended.returncode, len(ended.stdout.splitlines())) == (3, 1)
    assert "dvc.lock: got conflict marks of a git merge in line " in ended.stdout
    done = lock_file.restore_lock(root)
    assert done.startswith("merged: dvc.lock, report/classes.csv, report/curves.png, report/")
    assert_merged(root, "HEAD", "origin/other")
    git(root, "commit", "-qm", "Merge")
    assert_reproduced(root)


def test_a_merge(first: Path, team: Team) -> None:
    ended = run(first, "git", "merge", "--no-edit", "origin/other")
    assert ended.returncode == 0, ended.stdout
    assert_merged(first, "HEAD^1", "HEAD^2")
    assert_reproduced(first)


def test_a_rebase(first: Path) -> None:
    ended = run(first, "git", "rebase", "origin/other")
    assert ended.returncode == 0, ended.stdout
    assert_merged(first, "ORIG_HEAD", "origin/other")


def test_a_cherry_pick(first: Path) -> None:
    ended = run(first, "git", "cherry-pick", "origin/other")
    assert ended.returncode == 0, ended.stdout
    assert_merged(first, "HEAD^", "origin/other")


def test_changes_that_were_stashed(first: Path) -> None:
    work(first, {"train.batch_size": 64}, "More")
    git(first, "reset", "-q", "--soft", "HEAD^")
    git(first, "stash", "-q")
    git(first, "merge", "-q", "--no-edit", "origin/other")
    ended = run(first, "git", "stash", "pop")
    assert ended.returncode == 0, ended.stdout
    assert unmerged(first) == set()
    lock_file.check(first)


def test_a_merge_in_a_worktree(first: Path, tmp_path: Path) -> None:
    worktree = tmp_path / "work tree"
    git(first, "worktree", "add", "-q", "-b", "beside", str(worktree))
    ended = run(worktree, "git", "merge", "--no-edit", "origin/other")
    assert ended.returncode == 0, ended.stdout
    assert_merged(worktree, "HEAD^1", "HEAD^2")


def test_a_checkout_that_was_moved(first: Path, tmp_path: Path) -> None:
    moved = first.rename(tmp_path / "else'where $x")
    ended = run(moved, "git", "merge", "--no-edit", "origin/other")
    assert ended.returncode == 0, ended.stdout
    assert_merged(moved, "HEAD^1", "HEAD^2")


def test_a_project_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    """Only dvc.lock, with a side that has added a stage each."""
    project = tmp_path / "a project"
    for file in (git_merging.SCRIPT, ".gitattributes"):
        (project / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / file, project / file)
    git(tmp_path, "init", "-q", "-b", "main")
    git_merging.configure(project)
    for branch, name in (("main", ""), ("ours", "a"), ("theirs", "b")):
        if name:
            git(tmp_path, "switch", "-q", "-c", branch, "main")
        stage = f"  {name}:\n    cmd: make {name}\n" if name else ""
        (project / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n{stage}")
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-qm", "Stages")
    ended = run(project, "git", "merge", "ours")
    assert ended.returncode == 0, ended.stdout
    assert list(entries(project)) == ["b", "a"]


def test_only_what_stages_write_is_merged_by_itself() -> None:
    """Git shows a conflict in a person's own pages."""
    graph = YAML(typ="safe").load(REPOSITORY / "dvc.yaml")["stages"]
    results = {
        next(iter(each))
        for stage in graph.values()
        for kind in ("outs", "metrics", "plots")
        for each in stage.get(kind, ())
        if isinstance(each, dict) and not next(iter(each.values())).get("cache", True)
    }
    lines = (REPOSITORY / ".gitattributes").read_text().splitlines()
    attributes = dict(line.split() for line in lines if not line.startswith("#"))
    assert attributes.pop("/dvc.lock") == f"merge={git_merging.LOCK_DRIVER}"
    assert attributes == {f"/{each}": f"merge={git_merging.RESULTS_DRIVER}" for each in results}


def test_make_env_configures_it() -> None:
    said = run(REPOSITORY, "make", "--dry-run", "env").stdout
    assert "python -m lockstep.versioning.git_merging ." in said


def test_it_is_configured_again_without_a_word(first: Path) -> None:
    before = (first / ".git" / "config").read_bytes()
    assert configure(first) == ""
    assert (first / ".git" / "config").read_bytes() == before
