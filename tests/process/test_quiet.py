"""Only TensorFlow's start-up messages are dropped; other output is kept, even before an abort."""

import signal
import sys
from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, run

LINES = """
import os, sys
from lockstep.process.quiet import without_lines
from lockstep.runtime.tensorflow_import import START_UP
with without_lines(START_UP):
    os.write(2, b"I0000 00:00:1795678743.894118    1317 cudart_stub.cc:31] no GPU\\n")
    os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called ...\\n")
    os.write(2, b"E0000 00:00:1795678743.894118    1317 file.cc:31] an error\\n")
    os.write(2, b"F0000 00:00:1795678743.894118    1317 file.cc:31] a fatal one\\n")
    print("a line of Python", file=sys.stderr)
    os.write(2, b"last words")
    if "abort" in sys.argv:
        os.abort()
print(" and later ones", file=sys.stderr)
"""
SHOWN = """\
E0000 00:00:1795678743.894118    1317 file.cc:31] an error
F0000 00:00:1795678743.894118    1317 file.cc:31] a fatal one
a line of Python
last words"""


@pytest.mark.parametrize("end", ["", "abort"])
def test_only_the_startup_messages_are_dropped(tmp_path: Path, end: str) -> None:
    ended = run(tmp_path, sys.executable, "-c", LINES, end, PYTHONPATH=str(REPOSITORY))
    assert ended.returncode == (-signal.SIGABRT if end else 0)
    assert ended.stdout.startswith(SHOWN)
    assert ("and later ones" in ended.stdout) == (not end)


def test_a_process_started_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    lines = [
        "import subprocess",
        "from lockstep.process.quiet import without_lines",
        "with without_lines('nothing'):",
        "    child = subprocess.Popen(['sleep', '60'])",
        "child.kill()",
    ]
    command = (sys.executable, "-c", "\n".join(lines))
    assert run(tmp_path, *command, PYTHONPATH=str(REPOSITORY)).returncode == 0


def test_importing_tensorflow_prints_nothing(tmp_path: Path) -> None:
    lines = [
        "from pathlib import Path",
        "from lockstep.process.environment import prepare_environment",
        "prepare_environment(Path())",
        "from lockstep.runtime.tensorflow_import import load_tensorflow",
        "load_tensorflow()",
        "from lockstep.runtime.strategy import start_runtime",
        "start_runtime(0)",
    ]
    ended = run(tmp_path, sys.executable, "-c", "\n".join(lines), PYTHONPATH=str(REPOSITORY))
    assert (ended.returncode, ended.stdout) == (0, "")
