"""A missing result of an earlier stage, and too little memory, are one line for each stage."""

import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lockstep.errors import DataError
from tests.support.workspaces import STAGES, run_stages

MISSING = (
    ("normalize", "data/raw"),
    ("build", "data/ready"),
    ("train", "data/ready"),
    ("train", "data/ready/train_x.npy"),
    ("train", "weights/initial.weights.h5"),
    ("train", "report/model.json"),
    ("evaluate", "data/ready"),
    ("evaluate", "data/ready/test_x.npy"),
    ("evaluate", "weights/best.weights.h5"),
    ("evaluate", "report/history.csv"),
    ("register", "data/ready"),
    ("register", "report/metrics.json"),
)


@pytest.mark.parametrize(("stage", "name"), MISSING)
def test_a_missing_input(judged: Path, tmp_path: Path, stage: str, name: str) -> None:
    root = Path(shutil.copytree(judged, tmp_path / "lockstep"))
    path = root / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(DataError) as caught:
        run_stages(root, stage)
    assert str(caught.value).startswith(f"{root}/{name}")
    assert f": no such file or folder, but the stage {stage} depends on it: " in str(caught.value)
    assert stage in STAGES


def test_too_little_memory_is_one_line_with_the_number(prepared: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(prepared, tmp_path / "lockstep"))
    (root / "tasks" / "datasets" / "line.py").write_text(
        "import numpy as np\n"
        "FOLDER, ADDRESSES, FILES, TARGET_KIND, CLASSES = None, (), {}, 'regression', ()\n"
        "def read(folder):\n"
        "    x = np.ones((10**9, 8))\n"
        "    return {'train': (x, x), 'test': (x, x)}\n"
    )
    text = (root / "params.yaml").read_text()
    (root / "params.yaml").write_text(text.replace("name: digits", "name: line"))
    ended = subprocess.run(
        [sys.executable, "-m", "tasks", "normalize"],
        cwd=root,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (2**31, 2**31)),
    )
    assert ended.returncode == 4, ended.stderr
    assert ended.stderr.startswith("normalize: too little memory: Unable to allocate 59.6 GiB ")
    assert ended.stderr.count("\n") == 1
