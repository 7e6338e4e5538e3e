"""The difference of a changed checkout, applied to its commit, gives what the stages read."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.versioning.difference import difference
from tests.support.workspaces import git


@pytest.fixture
def root(make_workspace: Callable[..., Path]) -> Path:
    """A project with changes of all kinds, and settings of git that change diffs."""
    root = make_workspace(name="different")
    shutil.copy(root / "models" / "mlp.py", root / "models" / "_shared" / "näw.py")
    (root / "secret.txt").write_text("not read by a stage")
    (root / "presets" / "mnist-cnn.yaml").unlink()
    (root / "README.md").write_text("changed\n")
    (root / "data" / "ready" / "spec.json").parent.mkdir(exist_ok=True)
    (root / "data" / "ready" / "spec.json").write_text("a result\n")
    git(root, "add", "--force", "data/ready")
    (root / "data" / "pets.dvc").write_text("outs: []\n")
    git(root, "add", "data/pets.dvc")
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("seed: 0", "seed: 1"))
    git(root, "config", "diff.noprefix", "true")
    git(root, "config", "color.ui", "always")
    return root


def test_applied_to_the_commit_it_gives_the_same_inputs(root: Path, tmp_path: Path) -> None:
    before = git(root, "status", "--porcelain")
    patch = difference(root)
    assert git(root, "status", "--porcelain") == before  # nothing is staged
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(root), str(clone))
    subprocess.run(["git", "apply"], cwd=clone, input=patch, check=True)
    for name in ("models/_shared/näw.py", "README.md", "params.yaml"):
        assert (clone / name).read_bytes() == (root / name).read_bytes()
    assert not (clone / "presets" / "mnist-cnn.yaml").exists()
    assert not (clone / "secret.txt").exists()
    assert (clone / "data" / "pets.dvc").exists()
    assert not (clone / "data" / "ready").exists()


def test_without_changes_it_is_empty(make_workspace: Callable[..., Path]) -> None:
    assert difference(make_workspace(name="same")) == b""
