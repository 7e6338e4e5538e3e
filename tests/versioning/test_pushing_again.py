"""A push that fails is tried again."""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.errors import LockstepError
from lockstep.versioning import pushing
from tests.support.dvc_remotes import Remote, dvc
from tests.support.waiting import until

pytestmark = pytest.mark.system


@pytest.fixture
def root(make_workspace: Callable[..., Path], tmp_path: Path) -> Path:
    """A checkout with results, and a file where a folder should be mounted as its remote."""
    root = make_workspace(name="again", until="download")
    (tmp_path / "store").touch()
    Remote(str(tmp_path / "store")).configure(root)
    dvc(root, "repro")
    return root


def pushes(root: Path) -> list[str]:
    """The processes of `dvc push` in a checkout."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (process / "cmdline").read_bytes().split(b"\0")
            if b"push" in command and (process / "cwd").readlink() == root:
                found.append(process.name)
    return found


def test_a_store_that_is_back_after_the_first_attempt_gets_the_outputs(
    root: Path, tmp_path: Path
) -> None:
    def mount_after_the_first() -> None:
        until(lambda: pushes(root), 60, every=0.01)
        until(lambda: not pushes(root), 60, every=0.01)
        (tmp_path / "store").unlink()

    thread = threading.Thread(target=mount_after_the_first)
    thread.start()
    pushing.push(root, "name")
    thread.join()
    assert list((tmp_path / "store").rglob("*.dir"))


def test_it_is_given_up_after_three_attempts(root: Path) -> None:
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            seen.update(pushes(root))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        with pytest.raises(LockstepError, match=r"^dvc push: ERROR: "):
            pushing.push(root, "name")
    finally:
        over.set()
        thread.join()
    assert len(seen) == pushing.ATTEMPTS
