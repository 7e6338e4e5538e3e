"""A data set's file may draw random numbers without a seed of its own."""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import change_params, run, stage

READ = """

import random

_read = read


def read(folder):
    found = _read(folder)
    return {name: _shuffled(*arrays) for name, arrays in found.items()}


def _shuffled(x, y):
    order = np.random.permutation(len(x))
    random.shuffle(order)
    return x[order], y[order]
"""


@pytest.fixture
def root(make_workspace: Callable[..., Path]) -> Path:
    found = make_workspace({"data.name": "line", "model.name": "linear"}, until="normalize")
    file = found / "tasks" / "datasets" / "line.py"
    file.write_text(file.read_text() + READ)
    return found


def ready(root: Path) -> dict[str, str]:
    files = (root / "data" / "ready").rglob("*.npy")
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in files}


def test_they_are_the_same_in_each_process_and_follow_from_the_seed(root: Path) -> None:
    found = []
    for each in (0, 0, 1):
        change_params(root, {"seed": each})
        assert stage(root, "download").returncode == stage(root, "normalize").returncode == 0
        found.append(ready(root))
    assert found[0]
    assert found[0] == found[1] != found[2]
    # In a process that has drawn some before.
    code = (
        "import pathlib, random, numpy; numpy.random.seed(5); random.seed(5)\n"
        "from tasks.__main__ import run_stage; run_stage('normalize', pathlib.Path.cwd())"
    )
    assert run(root, sys.executable, "-c", code, PYTHONPATH=str(root)).returncode == 0
    assert ready(root) == found[2]
