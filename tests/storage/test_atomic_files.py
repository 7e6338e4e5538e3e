"""A file or folder is complete or absent, even if writing it is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.storage import atomic_files

# Writes `new` over a target, and kills itself with SIGKILL at a named system call.
CRASH = """
import os, signal, sys
from pathlib import Path
from lockstep.storage import atomic_files

kind, call, target = sys.argv[1], sys.argv[2], Path(sys.argv[3])

def die(*arguments, **options):
    os.kill(os.getpid(), signal.SIGKILL)

if call == "write":
    pass
elif call == "fsync":
    os.fsync = die
elif kind == "file":
    Path.replace = die
else:
    Path.rename = die
if kind == "file":
    with atomic_files.whole_file(target) as part:
        part.write_text("new")
        if call == "write":
            die()
else:
    with atomic_files.whole_folder(target) as part:
        (part / "inner").mkdir()
        (part / "inner" / "a").write_text("new")
        if call == "write":
            die()
"""


def crash(kind: str, call: str, target: Path) -> None:
    command = [sys.executable, "-c", CRASH, kind, call, str(target)]
    ended = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
    assert ended.returncode == -signal.SIGKILL


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_crash_leaves_the_old_file(tmp_path: Path, call: str) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    crash("file", call, target)
    assert target.read_text() == "old"
    atomic_files.write_text(target, "newer")
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "newer"


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_crash_leaves_no_new_file(tmp_path: Path, call: str) -> None:
    crash("file", call, tmp_path / "a.txt")
    assert not (tmp_path / "a.txt").exists()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_crash_leaves_the_old_folder(tmp_path: Path, call: str) -> None:
    target = tmp_path / "a"
    target.mkdir()
    (target / "old").write_text("old")
    crash("folder", call, target)
    assert [file.name for file in target.iterdir()] == ["old"]


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_folder_can_be_written_after_a_crash(tmp_path: Path, call: str) -> None:
    crash("folder", call, tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with atomic_files.whole_folder(tmp_path / "a") as part:
        (part / "b").write_text("new")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert [file.name for file in (tmp_path / "a").iterdir()] == ["b"]


def test_a_failure_leaves_the_old_file_and_no_partial_one(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    for write in (atomic_files.whole_file, atomic_files.whole_folder):
        with pytest.raises(ZeroDivisionError), write(target):
            raise ZeroDivisionError
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "old"


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of synced files and folders, and `rename` for each rename, in order."""
    seen: list[str] = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        seen.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    for name in ("rename", "replace"):
        move = getattr(Path, name)

        def noted(path: Path, target: Path, move: object = move) -> Path:
            seen.append("rename")
            return move(path, target)  # type: ignore[no-any-return, operator]

        monkeypatch.setattr(Path, name, noted)
    return seen


def test_a_file_is_synced_before_it_gets_its_name(tmp_path: Path, synced: list[str]) -> None:
    atomic_files.write_text(tmp_path / "a.txt", "new")
    assert synced == [".part-a.txt", "rename", tmp_path.name]


def test_all_files_of_a_folder_are_synced_before_it_gets_its_name(
    tmp_path: Path, synced: list[str]
) -> None:
    with atomic_files.whole_folder(tmp_path / "a") as part:
        (part / "inner" / "deep").mkdir(parents=True)
        (part / "inner" / "deep" / "file").write_text("new")
        (part / "top").write_text("new")
    before, after = synced[: synced.index("rename")], synced[synced.index("rename") :]
    assert sorted(before) == [".part-a", "deep", "file", "inner", "top"]
    assert before.index("file") < before.index("deep") < before.index("inner")
    assert after == ["rename", tmp_path.name]


def test_a_full_disk_is_reported_with_the_path(tmp_path: Path) -> None:
    def fill() -> None:
        with atomic_files.whole_file(tmp_path / "a.txt") as part:
            part.symlink_to("/dev/full")
            part.write_text("new")

    with pytest.raises(OSError, match="No space left") as caught:
        fill()
    assert caught.value.filename == str(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []
