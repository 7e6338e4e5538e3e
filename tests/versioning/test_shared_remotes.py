"""Experiments and a person's own data on other machines, by DVC remotes on real servers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockstep.versioning import experiments, pushing, saving
from tests.support.dvc_remotes import KINDS, Remote, cloned, dvc, with_origin
from tests.support.pretended_stages import reproduce
from tests.support.workspaces import change_params, git, run

pytestmark = pytest.mark.system
RESTORED = "weights/best.weights.h5"


@pytest.fixture(scope="module")
def recorded(make_workspace: Callable[..., Path]) -> Path:
    """A workspace whose stand-ins for stages have run, with other parameters than at HEAD."""
    root = make_workspace(name="recorded")
    change_params(root, {"train.epochs": 7})
    reproduce(root)
    return root


@pytest.fixture(params=KINDS)
def remote(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    with KINDS[request.param](tmp_path / "servers") as found:
        for name, value in found.variables.items():
            monkeypatch.setenv(name, value)
        yield found


def test_another_clone_restores_an_experiment_without_running_a_stage(
    recorded: Path, remote: Remote, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(recorded, tmp_path / "checkout", copy_function=shutil.copy2))
    remote.configure(root)
    origin = with_origin(root)
    saving.save(root, "seven", "0" * 64, sorted(experiments.outputs_in_git(root)))
    pushing.push(root, "seven")
    clone = cloned(origin, remote)
    dvc(clone, "exp", "pull", "origin", "seven")
    dvc(clone, "exp", "apply", "seven")
    reproduced = dvc(clone, "repro")
    assert "Running stage" not in reproduced
    assert reproduced.count("didn't change, skipping") == 6
    assert (clone / RESTORED).read_bytes() == (root / RESTORED).read_bytes()
    assert "epochs: 7" in (clone / "params.yaml").read_text()
    assert "nothing to do" in run(clone, "lockstep", "run").stdout


def test_the_git_remote_may_be_an_address(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(shutil.copytree(recorded, tmp_path / "checkout", copy_function=shutil.copy2))
    Remote(str(tmp_path / "store")).configure(root)
    origin = with_origin(root)
    git(root, "remote", "remove", "origin")
    saving.save(root, "seven", "0" * 64, sorted(experiments.outputs_in_git(root)))
    assert pushing.command(root, "seven") == "dvc exp apply seven && dvc push"
    monkeypatch.setenv(pushing.GIT_REMOTE, str(origin))
    assert pushing.command(root, "seven") == f"dvc exp push {origin} seven"
    pushing.push(root, "seven")
    assert git(origin, "for-each-ref", "refs/exps").endswith("/seven\n")
