"""Of files that git doesn't track, only what the graph reads gets into an experiment."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.versioning import pushing
from lockstep.versioning.hashes import experiment_inputs
from pipelines import deployed, workspaces
from tests.support.pretended_stages import reproduce, shorten
from tests.support.workspaces import REPOSITORY, git, run, write_params

CANARY = "canary-" + "7f3a9c"  # in two parts, since workspaces contain this file too
FOLDERS = (
    ".", "data", "docs", "lockstep/training", "models", "models/_shared", "notes/deep",
    "presets", "tasks/datasets", "tasks/datasets/_shared", "tests",
)  # fmt: skip
NAMES = ("env.txt", "notes.bin", ".env")  # git ignores the last
WANTED = {
    "models/mine.py": f"{(REPOSITORY / 'models' / 'linear.py').read_text()}# mine\n",
    "models/_shared/parts.py": "WIDTH = 3\n",
    "presets/mine.yaml": "model: {name: mine}\n",
}


@pytest.fixture
def root(make_workspace: Callable[..., Path]) -> Path:
    """A checkout with canaries everywhere, a bare origin and a DVC remote."""
    root = make_workspace(name="leaky")
    shorten(root)
    store = root.parent / "store"
    git(root, "init", "-q", "--bare", "-b", "main", str(store / "git"))
    git(root, "remote", "add", "origin", str(store / "git"))
    assert run(root, "dvc", "remote", "add", "-d", "store", str(store / "dvc")).returncode == 0
    git(root, "commit", "-qam", "Name a remote")
    git(root, "push", "-q", "origin", "main")
    for folder in FOLDERS:
        for name in NAMES:
            (root / folder).mkdir(parents=True, exist_ok=True)
            (root / folder / name).write_text(f"{CANARY} {folder}/{name}\n")
    (root / "models" / "other.py").write_text(f"# {CANARY}\n")
    write_params(root, {"model.mine": {}})
    for name, text in WANTED.items():
        (root / name).write_text(text)
    return root


def objects(folder: Path) -> bytes:
    """The contents of all objects of a git repository, in any ref or in none."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout


def files_with_canaries(folder: Path) -> list[str]:
    found = [each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()]
    return [str(each) for each in found if CANARY.encode() in each.read_bytes()]


@pytest.mark.system
def test_nothing_else_is_pushed(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    workspace = Path(workspaces.pull()["directory"])
    deployed._apply_overrides(workspace, "mine", [])
    printed = capsys.readouterr().err
    assert files_with_canaries(workspace) == []
    reproduce(workspace)
    (workspace / "models" / "left.bin").write_text(CANARY)  # as a stage's own code might
    workspaces.save(workspace, "mine", experiment_inputs(workspace), "mine")
    pushing.push(workspace, "mine")
    origin = root.parent / "store" / "git"
    assert "refs/exps/" in git(origin, "for-each-ref")
    for repository in (origin, root):
        assert CANARY.encode() not in objects(repository)
    assert files_with_canaries(root.parent / "store") == []
    ref = git(origin, "for-each-ref", "--format=%(refname)", "refs/exps").split()[0]
    saved = git(origin, "ls-tree", "-r", "--name-only", ref).splitlines()
    before = git(origin, "ls-tree", "-r", "--name-only", "main").splitlines()
    results = {"dvc.lock", *(name for name in saved if name.startswith("report/"))}
    assert {"report/metrics.json", "report/registered.json"} < results
    assert set(saved) - set(before) == {*WANTED, *results}
    for name, text in WANTED.items():
        assert git(origin, "show", f"{ref}:{name}") == text
        assert f"{name}: untracked, but the run reads it, so the experiment includes it" in printed
    assert "mine: {}" in git(origin, "show", f"{ref}:params.yaml")
    assert "untracked files that stay out: 21; `git add` a file to include it\n" in printed
