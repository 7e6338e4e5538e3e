"""A workspace saved as a DVC experiment: what it has, and what DVC does with it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.config.yaml_files import parse_yaml
from lockstep.errors import LockstepError
from lockstep.versioning import experiments, saving
from tests.support.pretended_stages import reproduce, shorten
from tests.support.workspaces import STAGES, change_params, git, run

KEY = "0" * 64


@pytest.fixture
def evaluated(make_workspace: Callable[..., Path]) -> Path:
    """A commit with all results, and then a change of which only some stages have run."""
    root = make_workspace(name="saving")
    shorten(root)
    git(root, "add", "-A")
    reproduce(root)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "Results")
    change_params(root, {"train.epochs": 7})
    reproduce(root, *STAGES[:-1])
    return root


def test_only_stages_that_have_run_are_recorded_as_run(evaluated: Path) -> None:
    before = git(evaluated, "status", "--porcelain")
    lock = (evaluated / "dvc.lock").read_text()
    (evaluated / "mine.txt").write_text("mine")
    (evaluated / "password.txt").write_text("secret")
    saving.save(evaluated, "seven", KEY, [*experiments.outputs_in_git(evaluated), "mine.txt"])
    assert git(evaluated, "show", f"{ref(evaluated)}:dvc.lock") == lock
    changed = git(evaluated, "diff", "--name-only", "HEAD", ref(evaluated)).split()
    assert {"params.yaml", "dvc.lock", "mine.txt"} <= set(changed)
    assert "password.txt" not in changed
    assert not any(name.startswith(".dvc/") for name in changed)
    # The checkout and its index stay as they are.
    (evaluated / "mine.txt").unlink()
    (evaluated / "password.txt").unlink()
    assert git(evaluated, "status", "--porcelain") == before


@pytest.mark.system
def test_dvc_shows_and_applies_it_and_runs_what_has_not_run(evaluated: Path) -> None:
    saving.save(evaluated, "seven", KEY, sorted(experiments.outputs_in_git(evaluated)))
    git(evaluated, "checkout", "-q", ".")
    shown = run(evaluated, "dvc", "exp", "show", "--csv")
    assert "\nseven," in shown.stdout
    applied = run(evaluated, "dvc", "exp", "apply", "seven")
    assert applied.returncode == 0, applied.stdout
    assert "epochs: 7" in (evaluated / "params.yaml").read_text()
    stale = run(evaluated, "dvc", "status").stdout
    assert [name for name in STAGES if f"{name}:" in stale] == ["register"]


def test_an_experiment_of_the_same_name_is_replaced(evaluated: Path) -> None:
    for epochs in (8, 9):
        change_params(evaluated, {"train.epochs": epochs})
        saving.save(evaluated, "same", KEY, [])
    params = parse_yaml(
        git(evaluated, "show", f"{ref(evaluated)}:params.yaml"), Path("params.yaml")
    )
    assert params["train"]["epochs"] == 9


@pytest.mark.system
def test_a_name_that_git_refuses_is_one_line(evaluated: Path) -> None:
    with pytest.raises(LockstepError, match="git update-ref"):
        saving.save(evaluated, "a..b", KEY, [])


def ref(root: Path) -> str:
    """The only experiment's reference."""
    (found,) = git(root, "for-each-ref", "--format=%(refname)", "refs/exps").split()
    return found
