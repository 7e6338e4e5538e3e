"""How Ctrl-C and SIGTERM end a process: in order within a limit, at once by a second Ctrl-C."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.waiting import until
from tests.support.workspaces import REPOSITORY

INT, TERM = signal.SIGINT, signal.SIGTERM
# Its cleanup takes a while, and a thread that isn't a daemon would keep the process alive.
SCRIPT = """
import hashlib, os, pathlib, signal, sys, threading, time, weakref
from lockstep.process import stopping
from lockstep.process.exit_codes import exit_code
folder, busy, cleanup = pathlib.Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
stopping.LIMIT_SECONDS = 3
stopping.handle("script")
threading.Thread(target=time.sleep, args=(60,)).start()
stopping.at_end(lambda: (folder / "at-end").touch())
with exit_code("script"):
    try:
        (folder / "started").touch()
        if busy == "library":  # as in a call of C code that can't be interrupted
            hashlib.pbkdf2_hmac("sha256", b"x", b"x", 10**9)
        if busy in signal.Signals.__members__:  # it arrives where exceptions are dropped, twice
            for _ in range(2):
                number, short = signal.Signals[busy], threading.Event()
                gone = weakref.ref(short, lambda _: signal.raise_signal(number) or time.sleep(0.01))
                del short
        time.sleep(60)
    finally:
        time.sleep(cleanup)
        (folder / "cleaned").touch()
"""
LINE = "script: interrupted; run the same command again to go on from there\n"


def end(
    folder: Path, sent: list[tuple[float, signal.Signals]], busy: str = "", cleanup: float = 0.0
) -> tuple[int, str, float]:
    """Start the script and send it signals after some seconds: exit code, output, seconds."""
    command = [sys.executable, "-c", SCRIPT, str(folder), busy, str(cleanup)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    until((folder / "started").exists, 30, every=0.01)
    started = time.monotonic()
    for moment, number in sent:
        time.sleep(max(0.0, started + moment - time.monotonic()))
        process.send_signal(number)
    output = process.communicate(timeout=30)[1]
    return process.returncode, output, time.monotonic() - started


@pytest.mark.parametrize(
    ("numbers", "code"), [([INT], 130), ([TERM], 143), ([INT, TERM, INT, INT] * 2, 130)]
)
def test_signals_of_one_second_end_it_once_in_order(
    tmp_path: Path, numbers: list[signal.Signals], code: int
) -> None:
    sent = [(0.1 * n, number) for n, number in enumerate(numbers)]
    ended, output, seconds = end(tmp_path, sent, cleanup=0.9)
    assert ended == code
    assert output == (LINE if code == 130 else LINE.replace("interrupted", "stopped"))
    assert (tmp_path / "cleaned").exists()
    assert (tmp_path / "at-end").exists()
    assert seconds < 2.5


def test_a_second_ctrl_c_ends_it_at_once(tmp_path: Path) -> None:
    code, output, seconds = end(tmp_path, [(0, INT), (1.2, INT)], cleanup=60)
    assert (code, output) == (130, LINE)
    assert seconds < 2


@pytest.mark.parametrize(("busy", "cleanup"), [("library", 0), ("", 60)])
def test_it_ends_within_the_limit(tmp_path: Path, busy: str, cleanup: float) -> None:
    code, output, seconds = end(tmp_path, [(0.2, INT)], busy, cleanup)
    assert (code, output) == (130, LINE)
    assert 3 <= seconds < 4.5


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_within_a_callback_of_the_interpreter_isn_t_lost(
    tmp_path: Path, name: str, code: int
) -> None:
    ended, output, seconds = end(tmp_path, [], busy=name)
    assert (ended, output) == (
        code,
        LINE if code == 130 else LINE.replace("interrupted", "stopped"),
    )
    assert (tmp_path / "cleaned").exists()
    assert seconds < 2


def test_a_ctrl_c_that_was_ignored_stays_so(tmp_path: Path) -> None:
    command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", sys.executable, "-c", SCRIPT]
    process = subprocess.Popen([*command, str(tmp_path), "", "0"], cwd=REPOSITORY)
    until((tmp_path / "started").exists, 30, every=0.01)
    process.send_signal(INT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(TERM)
    assert process.wait(10) == 143
