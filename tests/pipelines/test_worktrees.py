"""The worktrees of killed processes are removed, but not those of other machines."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import DataError
from lockstep.storage import atomic_files, layout
from lockstep.storage.checkout import changed_files, main_checkout, worktrees_of
from lockstep.versioning import other_index
from pipelines import workspace_files, worktrees
from pipelines.repairs import locks_left
from tests.support.workspaces import change_params, git, load

ENDED = "1-1"  # no process has started at that time


@pytest.mark.parametrize(("host", "left"), [(None, False), ("lockstep-7hx2v", True)])
def test_the_worktree_of_an_ended_process(
    make_workspace: Callable[..., Path], host: str | None, left: bool
) -> None:
    """On a volume that pods share, the process of another pod can't be seen."""
    root = make_workspace(name="shared")
    worktree = worktrees.add(root)
    (file,) = (root / layout.WORKSPACES).glob("*.owner.json")
    owner = atomic_files.read_json(file) | {"process": ENDED}
    atomic_files.write_json(file, owner | ({"host": host} if host else {}))
    worktrees.add(root)
    assert (worktree.exists(), file.exists()) == (left, left)


@pytest.mark.parametrize("option", ["--assume-unchanged", "--skip-worktree"])
def test_changes_that_git_does_not_look_at_are_copied(
    make_workspace: Callable[..., Path], option: str
) -> None:
    root = make_workspace(name="hidden")
    git(root, "update-index", option, "params.yaml", "dvc.yaml")
    change_params(root, {"seed": 77})
    assert changed_files(root) == ["params.yaml"]
    worktree = worktrees.add(root)
    workspace_files.copy_changes(root, worktree)
    assert load(worktree).seed == 77


def test_a_renamed_file_has_only_its_new_name(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(name="renamed")
    git(root, "mv", "models/linear.py", "models/line.py")
    worktree = worktrees.add(root)
    workspace_files.copy_changes(root, worktree)
    assert (worktree / "models" / "line.py").exists()
    assert not (worktree / "models" / "linear.py").exists()


@pytest.mark.parametrize("kind", ["submodule", "separate", "bare"])
def test_a_workspace_belongs_to_the_checkout_wherever_its_git_directory_is(
    make_workspace: Callable[..., Path], tmp_path: Path, kind: str
) -> None:
    source, root = make_workspace(name="source"), tmp_path / "whole" / "project"
    (tmp_path / "whole").mkdir()
    if kind == "submodule":
        git(root.parent, "init", "-q")
        allowed = ("-c", "protocol.file.allow=always")
        git(root.parent, *allowed, "submodule", "--quiet", "add", str(source), "project")
    elif kind == "separate":
        elsewhere = str(tmp_path / "elsewhere")
        git(tmp_path, "clone", "-q", f"--separate-git-dir={elsewhere}", str(source), str(root))
    else:
        git(tmp_path, "clone", "-q", "--bare", str(source), "bare")
        git(tmp_path / "bare", "worktree", "add", "-q", "--detach", str(root))
    assert main_checkout(root) == root
    worktree = worktrees.add(root)
    assert worktree.is_relative_to(root / layout.WORKSPACES)
    assert main_checkout(worktree) == root


def test_hooks_of_the_user_are_for_the_users_checkouts(
    make_workspace: Callable[..., Path],
) -> None:
    """`dvc install` makes one that runs `dvc checkout`."""
    root = make_workspace(name="hooked")
    hook = root / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch '{root}/ran'\nexit 1\n")
    hook.chmod(0o755)
    assert (worktrees.add(root) / "dvc.yaml").exists()
    assert (worktrees.clone(root, git(root, "rev-parse", "HEAD").strip()) / "dvc.yaml").exists()
    assert not (root / "ran").exists()


def test_git_of_debian_11_and_ubuntu_22_has_fewer_options(
    make_workspace: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git 2.30 prints an unknown option of rev-parse; worktree list has -z since 2.36."""
    program = tmp_path / "git"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *--path-format*|*"worktree list"*-z*) exit 129;; esac\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    root = make_workspace(name="old")
    worktree = worktrees.add(root)
    assert main_checkout(worktree) == root
    assert worktrees_of(worktree) == [root, worktree]
    assert not list(locks_left.find(worktree))
    with other_index.copied_index(worktree) as index:
        assert Path(index["GIT_INDEX_FILE"]).stat().st_size


def test_a_damaged_owner_is_named(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(name="damaged")
    worktrees.add(root)
    (file,) = (root / layout.WORKSPACES).glob("*.owner.json")
    file.write_text('{"proc')
    with pytest.raises(DataError, match=r"owner\.json: damaged.*remove it if no run"):
        worktrees.add(root)
