"""A secret is found in no file, database or line, wherever a person has put it (I8)."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.workspaces import SMALL, git, run, write_params

pytestmark = pytest.mark.system
SECRET = "canary-" + "9b1e77"  # in two parts, since workspaces contain this file too
ADDRESS = f"https://me:{SECRET}@127.0.0.1:9/x"
VARIABLES = {
    "MLFLOW_TRACKING_PASSWORD": SECRET,
    "MLFLOW_TRACKING_USERNAME": "me",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "SECRET_OF_MINE": SECRET,
    "PREFECT_API_AUTH_STRING": f"me:{SECRET}",
}
# Where git and DVC themselves keep what the person told them.
OWN = {".git/config", ".dvc/config.local"}


@pytest.fixture(scope="module")
def root(make_workspace: Callable[..., Path]) -> Path:
    """A workspace whose remotes, of git and of DVC, have passwords in their addresses."""
    root = make_workspace({**SMALL, "train.epochs": 1}, "secrets")
    git(root, "remote", "add", "origin", f"{ADDRESS}.git")
    run(root, "dvc", "remote", "add", "--local", "store", ADDRESS)
    return root


def holding(folder: Path) -> Iterator[str]:
    """The files with the secret, among them git's packed objects."""
    for file in folder.rglob("*"):
        name = str(file.relative_to(folder))
        if file.is_file() and name not in OWN and SECRET.encode() in file.read_bytes():
            yield name
    command = ["git", "cat-file", "--batch", "--batch-all-objects"]
    objects = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
    if SECRET.encode() in objects:
        yield "an object of git"


@pytest.mark.parametrize(
    "override",
    [
        f"data.mirror={ADDRESS}", f"data.mirror=https://h/x?key={SECRET}",
        f"data.mirror=https://h:port/x?key={SECRET}", f"data.mirror=s3://{SECRET}@bucket/x",
    ],
)  # fmt: skip
def test_a_secret_in_an_address_of_an_override(root: Path, override: str) -> None:
    for command in (("run",), ("plan",)):
        ended = run(root, "lockstep", *command, override)
        assert (ended.returncode, ended.stdout.count("\n")) == (2, 1)
        assert SECRET not in ended.stdout
    assert list(holding(root)) == []


def test_secrets_in_variables_and_remotes(root: Path) -> None:
    """A run whose MLflow server is out of reach, and one that sends what it couldn't."""
    out_of_reach = {"MLFLOW_TRACKING_URI": f"http://me:{SECRET}@127.0.0.1:9"}
    first = run(root, "lockstep", "run", **VARIABLES, **out_of_reach)
    assert first.returncode == 0, first.stdout
    second = run(root, "lockstep", "run", "seed=1", **VARIABLES)
    assert second.returncode == 0, second.stdout
    synced = run(root, "lockstep", "sync", **VARIABLES)
    doctor = run(root, "lockstep", "doctor", **VARIABLES)
    for ended in (first, second, synced, doctor):
        assert SECRET not in ended.stdout
    assert list(holding(root)) == []
    assert (root / "mlflow.db").exists()
    home = Path(os.environ["HOME"])
    found = [each for each in home.rglob("*") if each.is_file()]
    assert [each for each in found if SECRET.encode() in each.read_bytes()] == []


def test_a_secret_in_params_yaml_gets_no_further(root: Path) -> None:
    before = (root / "params.yaml").read_text()
    write_params(root, {"data.mirror": ADDRESS})
    try:
        for command in (("lockstep", "run"), ("dvc", "repro"), ("lockstep", "data")):
            ended = run(root, *command)
            # DVC asks for no stage that is up to date, and data.mirror makes none stale.
            assert ended.returncode or command[0] == "dvc"
            assert SECRET not in ended.stdout
    finally:
        (root / "params.yaml").write_text(before)
    assert list(holding(root)) == []
