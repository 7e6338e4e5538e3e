"""What is wrong in a checkout: `lockstep doctor` says it, and `--fix` mends it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockstep.errors import UnavailableError
from lockstep.storage import atomic_files, layout
from lockstep.versioning import cache_check
from pipelines import worktrees
from pipelines.repairs import damage, ended_processes, locks_left
from pipelines.repairs.examination import examine, mend
from tests.support.cached_files import flip_bit
from tests.support.pretended_stages import reproduce
from tests.support.waiting import until
from tests.support.workspaces import git, run

ENDED = "1-1"  # no process has started at that time


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    root = tmp_path / "lockstep"
    subprocess.run(["cp", "-a", recorded, root], check=True)
    return root


def cached(root: Path) -> Path:
    """A file of the cache that isn't a list of a folder's files."""
    found = sorted((root / ".dvc/cache/files/md5").glob("*/*"))
    return next(each for each in found if each.suffix != ".dir")


def test_a_whole_checkout_needs_nothing(root: Path) -> None:
    assert examine(root, remote=False) == ([], [])


def test_a_damaged_file_of_the_cache_is_moved_out_and_made_again(root: Path) -> None:
    file = cached(root)
    before = file.read_bytes()
    flip_bit(file)
    (repair,) = damage.find(root, remote=False)
    assert str(file) in repair.problem
    assert file.exists()  # nothing is done before it is asked for
    repair.act()
    assert not file.exists()
    assert (root / layout.DAMAGED / (file.parent.name + file.name)).exists()
    assert not list(damage.find(root, remote=False))
    for out in ("data/raw", "data/ready", "weights", "report"):
        subprocess.run(["rm", "-r", root / out], check=True)
    reproduce(root)
    assert file.read_bytes() == before


def test_a_damaged_file_of_the_remote_is_pushed_again(root: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert run(root, "dvc", "remote", "add", "-d", "store", str(store)).returncode == 0
    assert run(root, "dvc", "push").returncode == 0
    pushed = sorted((store / "files/md5").glob("*/*"))
    there = next(each for each in pushed if each.suffix != ".dir")
    before = there.read_bytes()
    flip_bit(there)
    (repair,) = damage.find(root, remote=True)
    assert str(there) in repair.problem
    repair.act()
    assert run(root, "dvc", "push").returncode == 0
    assert there.read_bytes() == before
    assert not cache_check.damaged_on_remote(root)


def test_a_list_of_locks_of_killed_processes(root: Path) -> None:
    file = root / ".dvc/tmp/rwlock"
    entry = {"pid": 2**22 - 1, "cmd": "dvc repro"}
    file.write_text(json.dumps({"write": {str(root / "dvc.lock"): entry}, "read": {}}))
    (repair,) = locks_left.find(root)
    repair.act()
    assert json.loads(file.read_text()) == {"write": {}, "read": {}}
    assert not list(locks_left.find(root))


def test_a_lock_of_a_killed_git(root: Path) -> None:
    lock = root / ".git/index.lock"
    lock.touch()
    with lock.open():  # as a running git has it
        assert not list(locks_left.find(root))
    assert "index.lock" in run(root, "git", "add", "-A").stdout
    (repair,) = locks_left.find(root)
    repair.act()
    git(root, "add", "-A")


@pytest.mark.parametrize("place", ["checkout", "worktree"])
def test_the_lock_of_a_commit_whose_editor_runs(root: Path, tmp_path: Path, place: str) -> None:
    """Git has closed the file, but ends by renaming it."""
    lock = root / ".git/index.lock"
    lock.touch()
    (early,) = locks_left.find(root)
    lock.unlink()
    where = root
    if place == "worktree":
        where, lock = tmp_path / "other", root / ".git/worktrees/other/index.lock"
        git(root, "worktree", "add", "-q", str(where))
    (where / "README.md").write_text("changed")
    with edited_commit(where):
        assert lock.exists()
        assert not list(locks_left.find(root))
        (root / ".git/index.lock").touch()
        with pytest.raises(UnavailableError, match=r"index\.lock: git is running again"):
            early.act()
    assert lock.exists()
    for each in locks_left.find(root):
        each.act()
    assert not lock.exists()


@contextmanager
def edited_commit(root: Path) -> Iterator[None]:
    """A commit whose message somebody is writing; at the end it is killed."""
    opened = root.with_name("opened")
    environment = {**os.environ, "GIT_EDITOR": f"touch '{opened}' && sleep 1000 #"}
    command = ["git", "commit", "-qa"]
    with subprocess.Popen(command, cwd=root, env=environment, start_new_session=True) as commit:
        until(lambda: opened.exists() or commit.poll() is not None, 60)
        try:
            yield
        finally:
            os.killpg(commit.pid, signal.SIGKILL)


@pytest.mark.system
def test_the_command_removes_the_lock_of_a_killed_git(root: Path) -> None:
    """Though it runs git itself."""
    (root / ".git/index.lock").touch()
    ended = run(root, "lockstep", "doctor", "--fix", CUDA_VISIBLE_DEVICES="")
    assert not (root / ".git/index.lock").exists(), ended.stdout


def test_a_workspace_of_a_killed_process(root: Path) -> None:
    workspace = worktrees.add(root)
    (file,) = (root / layout.WORKSPACES).glob("*.owner.json")
    atomic_files.write_json(file, atomic_files.read_json(file) | {"process": ENDED})
    (repair,) = ended_processes.find(root)
    assert mend([repair]) == []
    assert not workspace.exists()
    assert str(workspace) not in git(root, "worktree", "list")


def test_servers_that_nothing_would_stop(root: Path) -> None:
    program = "import time; print(flush=True); time.sleep(1000)"
    command = ["env", "LOCKSTEP_UP=lost", sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as server:
        assert server.stdout
        server.stdout.readline()
        (repair,) = ended_processes.find(root)
        assert str(server.pid) in repair.problem
        repair.act()
        assert server.wait(60) < 0


@pytest.mark.system
def test_the_command_says_what_it_will_do_and_does_it(root: Path) -> None:
    flip_bit(cached(root))
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    ended = run(root, "lockstep", "doctor", **hidden)
    assert ended.returncode == 4
    assert "damaged, its md5 isn't" in ended.stdout.splitlines()[0]
    assert "1 to mend, expected none: `lockstep doctor --fix`" in ended.stdout.splitlines()[-1]
    ended = run(root, "lockstep", "doctor", "--fix", "--json", **hidden)
    assert ended.returncode == 0
    assert len(json.loads(ended.stdout)["checkout"]) == 1
    assert run(root, "lockstep", "doctor", **hidden).stdout.startswith("checkout: nothing to mend")


def test_a_broken_lock_file_is_brought_back(root: Path) -> None:
    whole = (root / "dvc.lock").read_bytes()
    (root / "dvc.lock").write_bytes(whole[: len(whole) // 2])
    (repair,) = examine(root, remote=False)[0]
    assert "dvc.lock: got only the first" in repair.problem
    assert mend([repair]) == []
    assert (root / "dvc.lock").read_bytes() == whole
