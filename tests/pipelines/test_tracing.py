"""The passport of a registered model, `lockstep trace`, and `lockstep verify` in a fresh clone."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lockstep.config.yaml_files import read_yaml
from tests.support.workspaces import SMALL, git, run, write_params

pytestmark = pytest.mark.system
URI = "models:/digits@champion"
LOCAL = Path(".dvc", "config.local")
REBUILT = ["normalize", "build", "train", "evaluate"]


class Registered(NamedTuple):
    root: Path
    clone: Path  # without data, cache and runs
    remote: Path
    server: dict[str, str]  # where the clone finds MLflow

    def command(self, *arguments: str, **variables: str) -> Any:
        return run(self.clone, "lockstep", *arguments, **{**self.server, **variables})


@pytest.fixture(scope="module")
def registered(
    make_workspace: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Registered:
    """A model of uncommitted parameters, whose data are in a remote, and a fresh clone."""
    root, folder = make_workspace(SMALL, "registered"), tmp_path_factory.mktemp("others")
    remote, clone = folder / "remote", folder / "clone"
    run(root, "dvc", "remote", "add", "--local", "--default", "store", str(remote))
    write_params(root, {"seed": 3, "train.epochs": 1, "register.threshold": None})
    for command in (["dvc", "repro"], ["dvc", "push"]):
        ended = run(root, *command)
        assert ended.returncode == 0, ended.stdout
    git(root, "add", "dvc.lock", "report")
    git(root, "commit", "-qm", "Results, without their parameters")
    git(folder, "clone", "--quiet", str(root), str(clone))
    shutil.copy(root / LOCAL, clone / LOCAL)
    return Registered(root, clone, remote, {"MLFLOW_TRACKING_URI": f"sqlite:///{root}/mlflow.db"})


def client(registered: Registered) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(registered.server["MLFLOW_TRACKING_URI"])


def raw_md5(registered: Registered) -> str:
    stages = read_yaml(registered.root / "dvc.lock")["stages"]
    return str(stages["download"]["outs"][0]["md5"])


def test_trace_prints_what_the_model_was_made_of(registered: Registered) -> None:
    commit = git(registered.root, "rev-parse", "HEAD^").strip()
    patch = registered.command("trace", URI, "--difference").stdout
    assert "+seed: 3" in patch
    assert "b/report/" not in patch
    sha256 = hashlib.sha256(patch.encode()).hexdigest()
    page = registered.command("trace", URI).stdout
    for text in (commit, sha256, raw_md5(registered), "models:/digits/1 @champion", "git apply"):
        assert text in page
    passport = json.loads(registered.command("trace", "models:/digits/1", "--json").stdout)
    assert list(passport["stages"]) == ["download", *REBUILT]
    assert passport["params"]["values"]["seed"] == 3
    assert passport["environment"]["training"]["replicas"] == "1"
    assert passport["environment"]["versions"]["keras"]


def test_a_version_can_be_searched_and_read(registered: Registered) -> None:
    md5 = raw_md5(registered)
    (version,) = client(registered).search_model_versions(f"tags.`passport.data.raw` = '{md5}'")
    assert version.tags["passport.dirty"] == "true"
    assert "`train.epochs: 1`" in version.description
    assert "lockstep verify models:/digits/1" in version.description


def test_trace_lists_what_was_made_of_data(registered: Registered) -> None:
    md5 = raw_md5(registered).removesuffix(".dir")
    kinds = [line.split()[:2] for line in registered.command("trace", md5).stdout.splitlines()]
    assert kinds == [["MLflow", "run"], ["model", "version"], ["dvc.lock", "workspace"]]


def test_unknown_and_unreachable_are_one_line(registered: Registered) -> None:
    unknown = registered.command("trace", "0" * 32)
    assert (unknown.returncode, unknown.stdout.count("\n")) == (2, 1)
    assert registered.command("trace", "models:/digits/9").returncode == 2
    away = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    unreachable = registered.command("trace", URI, **away)
    assert (unreachable.returncode, unreachable.stdout.count("\n")) == (75, 1)


def test_a_passport_that_was_changed_is_refused(registered: Registered) -> None:
    (file,) = registered.root.glob("mlartifacts/models/*/artifacts/passport.json")
    before = file.read_bytes()
    file.write_bytes(before.replace(b'"seed": 3', b'"seed": 4'))
    ended = registered.command("trace", URI)
    file.write_bytes(before)
    assert ended.returncode == 3
    assert "it has changed since the version was registered" in ended.stdout


def report_of(output: str) -> dict[str, Any]:
    """The JSON object in an output with the lines of stages before it."""
    lines = output.splitlines()
    start, end = lines.index("{"), lines.index("}")
    found: dict[str, Any] = json.loads("\n".join(lines[start : end + 1]))
    return found


def test_the_champion_is_rebuilt_bit_exactly(registered: Registered) -> None:
    runs = len(client(registered).search_runs(["1"]))
    ended = registered.command("verify", URI, "--json")
    assert ended.returncode == 0, ended.stdout
    report = report_of(ended.stdout)
    assert report["verdict"] == "BIT-EXACT"
    assert report["stages run"] == ", ".join(REBUILT)
    assert "from DVC's remote store" in report["data"]
    assert "which is installed here" in report["environment"]
    assert report["files that differ"] == report["environment differs"] == []
    assert len(client(registered).search_runs(["1"])) == runs
    assert not list((registered.clone / ".lockstep" / "workspaces").iterdir())
    assert not (registered.clone / ".dvc" / "cache").exists()


def test_another_seed_diverges_at_a_variable(registered: Registered) -> None:
    """The commit has the results of seed 3, and parameters with another one."""
    ended = registered.command("verify", "HEAD", "--json")
    assert ended.returncode == 1
    report = report_of(ended.stdout)
    assert report["verdict"] == "DIVERGED"
    variable = report["first variable"]
    assert variable.startswith("weights/initial.weights.h5: layers/dense/vars/0, by at most")
    assert "train: seed: recorded 3, here 0" in report["inputs differ"]
    assert ended.stdout.splitlines()[-1].startswith("lockstep verify: HEAD: DIVERGED, first by")


@pytest.fixture
def flipped(registered: Registered) -> Iterator[None]:
    """The remote with one other byte in a raw file."""
    tree = registered.remote / "files" / "md5" / raw_md5(registered)[:2]
    (folder,) = tree.glob("*.dir")
    md5 = json.loads(folder.read_text())[0]["md5"]
    file = tree.parent / md5[:2] / md5[2:]
    before = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(before[:-9] + bytes([before[-9] ^ 1]) + before[-8:])
    yield
    file.write_bytes(before)


@pytest.mark.usefixtures("flipped")
def test_a_changed_byte_of_raw_data_is_named(registered: Registered) -> None:
    ended = registered.command("verify", URI)
    assert ended.returncode == 3
    assert "data/raw/digits.csv.gz: got md5" in ended.stdout
    assert "Running stage" not in ended.stdout


def test_without_a_remote_the_publisher_is_asked(registered: Registered, tmp_path: Path) -> None:
    clone = Path(shutil.copytree(registered.clone, tmp_path / "clone", symlinks=True))
    (clone / LOCAL).unlink()
    ended = run(clone, "lockstep", "verify", URI, "--json", **registered.server)
    assert ended.returncode == 0, ended.stdout
    assert report_of(ended.stdout)["stages run"] == ", ".join(["download", *REBUILT])
