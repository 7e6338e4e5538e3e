"""A deployed run is pushed to a shared store, or says before or after the training why not."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import LockstepError
from lockstep.versioning.remotes import INSTALL
from pipelines import pushing
from tests.support.dvc_remotes import KINDS, SECRET, Remote, cloned, dvc, with_origin
from tests.support.workspaces import SMALL, git, run

pytestmark = pytest.mark.system
# What a worker does, in a process of its own.
DEPLOYED = """
import os
from pipelines import workspaces
os.chdir(workspaces.pull()["directory"])
from pipelines.deployed import deployed
print("ended as", deployed(overrides={"seed": 3}, return_state=True))
"""


def deployed(root: Path, server: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["python", "-c", DEPLOYED]
    return run(root, *command, PREFECT_API_URL=server, CUDA_VISIBLE_DEVICES="", **variables)


def test_a_missing_package_is_told_before_a_stage_runs(
    make_workspace: Callable[..., Path], server: str
) -> None:
    root = make_workspace(name="lacking", until="download")
    Remote("ssh://127.0.0.1:1/store").configure(root)
    git(root, "commit", "-qam", "Name a remote")
    said = deployed(root, server).stdout
    assert "ended as Failed(\"DVC remote ssh://127.0.0.1:1/store: dvc-ssh isn't installed; " in said
    ended = run(root, "lockstep", "run", "seed=3")
    assert (ended.returncode, ended.stdout) == (
        4, "lockstep run: DVC remote ssh://127.0.0.1:1/store: dvc-ssh isn't installed; install it: "
        f"{INSTALL}\n",
    )  # fmt: skip
    for printed in (said, ended.stdout):
        assert "Traceback" not in printed
        assert "download:" not in printed


def test_what_cannot_be_pushed_is_saved_and_can_be_pushed_later(
    make_workspace: Callable[..., Path], server: str, tmp_path: Path
) -> None:
    root = make_workspace(name="unpushed", until="normalize")
    file = tmp_path / "store"
    file.touch()  # where a folder should be mounted
    remote = Remote(str(file))
    remote.configure(root)
    origin = with_origin(root)
    said = deployed(root, server).stdout
    (line,) = [each for each in said.splitlines() if each.startswith("ended as ")]
    assert line.startswith('ended as Completed("saved as seed-3-')
    name = line.partition("saved as ")[2].partition(",")[0]
    assert "but not pushed: dvc push: ERROR: " in line
    assert f"`dvc exp push origin {name}` in {root} pushes it" in line
    assert f"WARNING | Flow run '{run_name(said)}' - {name}: not pushed: dvc push: ERROR: " in said
    assert [*(root / ".lockstep" / "workspaces").glob("*/dvc.yaml")] == []
    with pytest.raises(LockstepError, match="dvc exp push"):  # as in a clone, which is removed
        pushing.push(root, root, name)
    file.unlink()
    dvc(root, "exp", "push", "origin", name)
    clone = cloned(origin, remote)
    dvc(clone, "exp", "pull", "origin", name)
    dvc(clone, "exp", "apply", name)
    assert "Running stage" not in dvc(clone, "repro")


def test_the_secret_of_a_store_is_in_no_file(
    make_workspace: Callable[..., Path],
    server: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    root = make_workspace({**SMALL, "train.epochs": 1}, "secret")
    with KINDS["s3"](tmp_path) as remote:
        remote.local = {"secret_access_key": SECRET, "access_key_id": "lockstep"}
        remote.configure(root)
        origin = with_origin(root)
        said = deployed(root, server, **remote.variables).stdout
        assert "ended as Completed('saved as seed-3-" in said, said
        assert "not pushed" not in said
    assert "refs/exps/" in git(origin, "for-each-ref")
    assert SECRET not in said
    places = [root, *tmp_path_factory.getbasetemp().glob("prefect*")]
    config = root / ".dvc" / "config.local"
    assert [each for each in files_with_the_secret(places) if each != config] == []
    for repository in (root, origin):
        assert SECRET.encode() not in objects(repository)


def run_name(said: str) -> str:
    """The name of the flow run, which a run's log lines begin with."""
    (name,) = set(re.findall(r"Flow run '([^']*)' - Finished", said))
    return str(name)


def files_with_the_secret(places: list[Path]) -> list[Path]:
    files = [
        Path(top) / name for each in places for top, _, names in os.walk(each) for name in names
    ]
    return [each for each in files if each.is_file() and SECRET.encode() in each.read_bytes()]


def objects(folder: Path) -> bytes:
    """The contents of all objects of a git repository, in any ref or in none."""
    command = ["git", "cat-file", "--batch-all-objects", "--batch"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
