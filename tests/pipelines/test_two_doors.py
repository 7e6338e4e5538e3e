"""`dvc repro` and `lockstep run` give the same bytes after each change, and after its revert."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.prefect_server import lockstep, states
from tests.support.workspaces import SMALL, STAGES, run, write_params

pytestmark = pytest.mark.system


def test_both_commands_give_the_same_bytes(
    make_workspace: Callable[..., Path], server: str, test_data: Path
) -> None:
    by_dvc, by_flow = make_workspace(SMALL, "dvc"), make_workspace(SMALL, "flow")
    real = {"data.name": "mnist", "data.mirror": str(test_data), "train.batch_size": 500}
    back = {"data.name": "digits", "train.batch_size": 32}
    for changes, expected in (
        ({}, ["Completed"] * 6),
        ({"train.epochs": 3, "model.name": "linear"}, ["Up To Date"] * 2 + ["Completed"] * 4),
        (real, ["Completed"] * 6),
        (back, ["Restored"] * 6),
    ):
        for root in (by_dvc, by_flow):
            write_params(root, changes)
        with ThreadPoolExecutor() as beside:
            reproduced = beside.submit(run, by_dvc, "dvc", "repro")
            output = lockstep(by_flow, server)
        assert reproduced.result().returncode == 0, reproduced.result().stdout
        assert (by_flow / "dvc.lock").read_bytes() == (by_dvc / "dvc.lock").read_bytes()
        assert "up to date" in run(by_flow, "dvc", "status").stdout
        found = states(server, output)
        assert [found[name] for name in STAGES] == expected
    assert not list(by_flow.rglob(".part-*"))
