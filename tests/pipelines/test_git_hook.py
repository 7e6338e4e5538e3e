"""A run in a hook of git leaves the commit alone, for which git has run the hook."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import change_params, git

pytestmark = pytest.mark.system


def test_a_commit_whose_hook_runs_an_experiment(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(until="download")
    hook = root / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nlockstep run seed=5\n")
    hook.chmod(0o755)
    change_params(root, {"seed": 1})
    git(root, "commit", "-qam", "Change the seed")
    assert git(root, "show", "--format=", "--name-only").split() == ["params.yaml"]
    assert not git(root, "status", "--porcelain")
    assert "refs/exps/" in git(root, "for-each-ref", "--format=%(refname)")
