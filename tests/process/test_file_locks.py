"""Whoever waits for a lock is told for whom."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lockstep.process import commands, console, file_locks
from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY

HOLD = """
import pathlib, sys
from lockstep.process import file_locks
with file_locks.held(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
Holder = subprocess.Popen[str]


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "some.lock"


@pytest.fixture
def holder(lock: Path, tmp_path: Path) -> Iterator[Holder]:
    """A process that holds the lock until its input ends."""
    script = tmp_path / "hold.py"
    script.write_text(HOLD)
    pipe = subprocess.PIPE
    command = [sys.executable, script, lock]
    environment = {"PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, text=True, env=environment
    ) as process:  # closes the pipes
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        late = threading.Timer(60, process.kill)  # so that a failure isn't a test without an end
        late.start()
        yield process
        late.cancel()
        process.kill()  # also if it is stopped


def lines_until_held(lock: Path, holder: Holder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said while the lock is waited for, which is released after a line."""
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        holder.kill()

    monkeypatch.setattr(file_locks, "TOLD_AFTER_SECONDS", 0.1)
    with console.forwarding_to(on_line, lambda _: None), file_locks.held(lock):
        pass
    return lines


def test_a_wait_names_the_holder_once(
    lock: Path, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = f"`hold.py {lock}` (process {holder.pid})"
    said = lines_until_held(lock, holder, monkeypatch)
    assert said == [f"waiting for {command}, which holds {lock}"]


def test_a_wait_for_a_stopped_process_says_how_it_goes_on(
    lock: Path, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder.send_signal(signal.SIGSTOP)
    until(lambda: commands.is_stopped(holder.pid), 30, 0.02)
    (said,) = lines_until_held(lock, holder, monkeypatch)
    assert f"stopped (`kill -CONT {holder.pid}` lets it go on), which holds {lock}" in said


def test_a_short_wait_is_silent(
    lock: Path, holder: Holder, capfd: pytest.CaptureFixture[str]
) -> None:
    threading.Timer(0.2, holder.kill).start()
    with file_locks.held(lock):
        assert capfd.readouterr().err == ""
