"""`lockstep doctor`'s lines on shared stores, of real servers in good and in bad states."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockstep.doctor import stores
from pipelines.servers import prefect_reachable
from tests.support.dvc_remotes import KINDS, SECRET, Remote, dvc, packages, with_origin
from tests.support.small_disk import small_disk
from tests.support.workspaces import git

pytestmark = pytest.mark.system
INSTALL = "install it: uv pip install --require-hashes --no-deps -r requirements-remotes.lock"


def remote_line(root: Path) -> str:
    """The line on DVC's remote; there is no origin."""
    found = stores.lines(root)
    assert [line.split(":")[0] for line in found[1:]] == ["git remote origin"]
    assert SECRET not in found[0]
    return found[0]


def test_without_stores_there_are_no_lines(root: Path) -> None:
    assert stores.lines(root, [prefect_reachable.line]) == []


def test_a_folder(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    dvc(root, "remote", "add", "-d", "store", str(folder))
    name = f"DVC remote {folder}"
    assert remote_line(root) == f"{name}: {folder}: no such folder; mount it, or make it"
    with small_disk(folder, "64k", "ro"):
        assert remote_line(root).startswith(f"{name}: [Errno 30] Read-only file system")
    assert remote_line(root) == f"{name}: works"
    assert [*folder.iterdir()] == []


def test_a_missing_package(root: Path) -> None:
    dvc(root, "remote", "add", "-d", "store", f"ssh://me:{SECRET}@127.0.0.1:1/store")
    address = "ssh://127.0.0.1:1/store"
    assert remote_line(root) == f"DVC remote {address}: dvc-ssh isn't installed; {INSTALL}"
    dvc(root, "remote", "modify", "store", "url", "s3://bucket/store")
    assert remote_line(root) == f"DVC remote s3://bucket/store: dvc-s3 isn't installed; {INSTALL}"


def test_ssh(root: Path, tmp_path: Path, variables: Callable[[dict[str, str]], None]) -> None:
    with KINDS["ssh"](tmp_path) as remote:
        variables(remote.variables)
        Remote(remote.address).configure(root)
        assert "Permission denied for user" in remote_line(root)
        assert "`dvc remote modify --local`" in remote_line(root)
        remote.configure_locally(root)
        assert "/store: no such folder, or no such key file here; make it, or" in remote_line(root)
        (tmp_path / "store").mkdir()
        assert remote_line(root).endswith("/store: works")
    assert "start it, or correct its address by `dvc remote modify`" in remote_line(root)


def test_s3(root: Path, tmp_path: Path, variables: Callable[[dict[str, str]], None]) -> None:
    with KINDS["s3"](tmp_path) as remote:
        variables(packages() | {"AWS_EC2_METADATA_DISABLED": "true"})
        remote.configure(root)
        name = f"DVC remote {remote.address}"
        assert remote_line(root).startswith(f"{name}: Unable to locate credentials; set AWS_ACC")
        variables(remote.variables)
        assert remote_line(root) == f"{name}: works"
        variables({"AWS_SECRET_ACCESS_KEY": "another"})
        assert "signature" in remote_line(root)
        assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody" in remote_line(root)
        variables(remote.variables)
        dvc(root, "remote", "modify", "store", "url", "s3://another/dvc")
        assert "bucket does not exist: make the bucket" in remote_line(root)
        dvc(root, "remote", "modify", "store", "url", remote.address)
        dvc(root, "remote", "modify", "--unset", "store", "endpointurl")
        variables({"AWS_ENDPOINT_URL_S3": remote.shared["endpointurl"]})
        assert remote_line(root) == f"{name}: works"
    assert "Could not connect to the endpoint" in remote_line(root)


@contextmanager
def silent() -> Iterator[int]:
    """A port on which connections are accepted, and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_stores_that_never_answer(
    root: Path, variables: Callable[[dict[str, str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "SECONDS", 6)
    with silent() as port:
        at = f"me:{SECRET}@127.0.0.1:{port}"
        dvc(root, "remote", "add", "-d", "store", f"ssh://{at}/store")
        variables(packages())
        variables({"MLFLOW_TRACKING_URI": f"postgresql://{at}/db"})
        variables({"DVC_EXP_GIT_REMOTE": f"http://{at}/git"})
        found = stores.lines(root)
    assert [line.partition(f"127.0.0.1:{port}")[0] for line in found] == [
        "DVC remote ssh://", "git remote http://", "MLflow postgresql://",
    ]  # fmt: skip
    assert all("no answer in 6 s" in line for line in found)
    assert SECRET not in " ".join(found)


def test_the_git_remote(root: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    dvc(root, "remote", "add", "-d", "store", str(tmp_path / "store"))
    (none,) = stores.lines(root)[1:]
    assert none.startswith("git remote origin: fatal: 'origin' does not appear to be a git repo")
    assert "`git remote add` it" in none
    origin = with_origin(root)
    assert stores.lines(root)[1] == "git remote origin: works"
    assert "refs/exps" not in git(origin, "for-each-ref")
