"""DVC remotes on real servers, and checkouts that share them."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.s3_store import BUCKET, s3_store
from tests.support.sshd import sshd
from tests.support.workspaces import git, run

PACKAGES = Path(sys.prefix) / "remotes"  # beside the environment, which hasn't got them
SECRET = "canary-" + "of-the-store-51ac"  # in two parts, since workspaces contain this file too


@dataclass
class Remote:
    """A place for DVC's default remote, and what a checkout's clients need."""

    address: str
    shared: dict[str, str] = field(default_factory=dict)  # settings in .dvc/config
    local: dict[str, str] = field(default_factory=dict)  # and in .dvc/config.local
    variables: dict[str, str] = field(default_factory=dict)

    def configure(self, root: Path) -> None:
        """Make it the default remote of a checkout, as its docs say."""
        dvc(root, "remote", "add", "--default", "store", self.address)
        for name, value in self.shared.items():
            dvc(root, "remote", "modify", "store", name, value)
        self.configure_locally(root)

    def configure_locally(self, root: Path) -> None:
        """Set what each person's checkout has for itself."""
        for name, value in self.local.items():
            dvc(root, "remote", "modify", "--local", "store", name, value)


def packages() -> dict[str, str]:
    """The variable with which Python finds the packages of requirements-remotes.lock."""
    assert PACKAGES.is_dir(), f"expected {PACKAGES}: make {PACKAGES}/ready"
    return {"PYTHONPATH": f"{os.environ['PYTHONPATH']}:{PACKAGES}"}


@contextmanager
def _folder(folder: Path) -> Iterator[Remote]:
    yield Remote(str(folder / "store"))


@contextmanager
def _ssh(folder: Path) -> Iterator[Remote]:
    with sshd(folder / "sshd") as server:
        address = server.address(folder / "store")
        yield Remote(address, local={"keyfile": str(server.key)}, variables=packages())


@contextmanager
def _s3(folder: Path) -> Iterator[Remote]:
    with s3_store(folder / "s3", SECRET) as server:
        variables = packages() | server.variables
        endpoint = variables.pop("AWS_ENDPOINT_URL_S3")
        shared = {"endpointurl": endpoint}
        yield Remote(f"s3://{BUCKET}/dvc", shared, {}, variables)


KINDS: dict[str, Callable[[Path], AbstractContextManager[Remote]]] = {
    "folder": _folder,
    "ssh": _ssh,
    "s3": _s3,
}


def with_origin(root: Path) -> Path:
    """Give a checkout an empty git repository as its origin, and push its branch there."""
    origin = root.parent / "origin"
    git(root, "init", "-q", "--bare", "-b", "main", str(origin))
    git(root, "remote", "add", "origin", str(origin))
    git(root, "commit", "-qm", "Name a remote", "--", ".dvc/config")
    git(root, "push", "-q", "origin", "main")
    return origin


def cloned(origin: Path, remote: Remote) -> Path:
    """Return another person's clone, with the settings that a clone hasn't got."""
    clone = origin.parent / "clone"
    git(origin.parent, "clone", "-q", str(origin), str(clone))
    remote.configure_locally(clone)
    return clone


def dvc(root: Path, *arguments: str) -> str:
    """Run a DVC command that succeeds, and return its output."""
    ended = run(root, "dvc", *arguments)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout
