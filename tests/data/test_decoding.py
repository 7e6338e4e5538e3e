"""Processes that decode pictures end with their parent, and memory doesn't grow with pictures."""

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lockstep.data import deviation as deviation_file
from lockstep.data.deviation import deviation
from lockstep.data.spec import read_spec
from tasks import download
from tests.support.workspaces import REPOSITORY, change_params

LIMIT = 2**27  # bytes, with the interpreter's and NumPy's own

LONG = """
import sys
from pathlib import Path
from lockstep.data.readers.decoding import Job, decode
from lockstep.data.readers.pixels import PictureFormat
from lockstep.process.workers import Workers
if __name__ == "__main__":
    path = Path(sys.argv[1])
    job = Job(path.with_name("out.npy"), PictureFormat("L"), [8, 8], True)
    with Workers("decodes pictures", 2) as workers:
        decode(job, [path] * 200_000, workers, lambda count: None)
"""


def children(process: int) -> set[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return {int(each) for each in found}


def wait_for_children(process: int, count: int) -> set[int]:
    end = time.monotonic() + 60
    while len(children(process)) < count and time.monotonic() < end:
        time.sleep(0.05)
    return children(process)


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_decoding_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "long.py").write_text(LONG)
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "long.py", tmp_path / "a.png"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    started = wait_for_children(parent.pid, 3)  # two, and multiprocessing's resource tracker
    time.sleep(1)  # until they decode
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 20
    while any(map(is_running, started)) and time.monotonic() < end:
        time.sleep(0.05)
    left = [each for each in started if is_running(each)]
    for each in left:
        os.kill(each, signal.SIGKILL)
    assert len(started) >= 3
    assert left == []


NORMALIZE = """
import sys
from pathlib import Path
from lockstep.config.reading import load_params
from tasks import normalize
normalize.normalize(load_params(Path(sys.argv[1])), Path(sys.argv[1]))
"""


def limit_this_process() -> None:
    """Limit its memory, and have it decode alone: pools take memory for threads of their own.

    Whether they pay depends on how fast the machine is.
    """
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])


def test_the_memory_of_normalize_does_not_grow_with_the_pictures(
    workspace: Path, tmp_path: Path
) -> None:
    for label, level in (("cat", 10), ("dog", 200)):
        (tmp_path / "all" / label).mkdir(parents=True)
        for number in range(600):
            Image.new("RGB", (4, 4), (level, number % 256, 3)).save(
                tmp_path / "all" / label / f"{number}.bmp"
            )
    changes = {
        "data.name": "folder", "data.path": str(tmp_path / "all"),
        "normalize.image_size": [256, 256],
    }  # fmt: skip
    download.download(change_params(workspace, changes), workspace)
    limited = subprocess.run(
        [sys.executable, "-c", NORMALIZE, workspace],
        cwd=workspace,
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit_this_process,
    )
    assert limited.returncode == 0, limited.stderr
    assert sum(read_spec(workspace).splits.values()) == 1200  # of 192 KiB each


def test_the_deviation_has_the_bits_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviation_file, "BLOCK", 1024)
    for count in (1, 7, 100, 5001):
        x = np.random.default_rng(count).integers(0, 256, (count, 5, 7, 3), np.uint8)
        assert deviation(x) == x.std(dtype=np.float64)
