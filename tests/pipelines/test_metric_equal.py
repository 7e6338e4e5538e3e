"""A model that is rebuilt with other kernels of convolutions: other bits, equal metrics."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import SMALL, run

pytestmark = pytest.mark.system
CHANGES = {**SMALL, "model.name": "cnn", "train.epochs": 1, "register.threshold": None}


def test_kernels_of_another_library_give_equal_metrics(make_workspace: Callable[..., Path]) -> None:
    root = make_workspace(CHANGES, "kernels")
    ended = run(root, "dvc", "repro", TF_ENABLE_ONEDNN_OPTS="0")
    assert ended.returncode == 0, ended.stdout
    ended = run(root, "lockstep", "verify", "models:/digits@champion", TF_ENABLE_ONEDNN_OPTS="1")
    assert ended.returncode == 0, ended.stdout
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert "verdict METRIC-EQUAL" in lines
    assert "tolerance of metrics 0.01" in lines
    assert "environment differs onednn: recorded 0, here 1" in lines
    (variable,) = (line for line in lines if line.startswith("first variable"))
    assert "weights/best.weights.h5: layers/conv2d/vars/0, by at most" in variable, ended.stdout
