"""lockstep doctor as a process, on a machine whose GPUs are hidden."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.workspaces import REPOSITORY, run

HIDDEN = {"CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.system
def test_without_gpus_it_prints_four_lines(make_workspace: Callable[..., Path]) -> None:
    ended = run(make_workspace(), "lockstep", "doctor", **HIDDEN)
    assert ended.returncode == 0, ended.stdout
    lines = ended.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["checkout", "GPU", "driver", "CUDA"]


@pytest.mark.system
def test_it_measures_on_cpus_and_prints_json(make_workspace: Callable[..., Path]) -> None:
    ended = run(make_workspace(), "lockstep", "doctor", "--device", "cpu", "--json", **HIDDEN)
    assert ended.returncode == 0, ended.stdout
    found = json.loads(ended.stdout)
    assert len(found["findings"]) == 3
    assert found["measured"]["same_bits"]


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["lockstep", "doctor"], "lockstep doctor"),
        (["python", "-m", "benchmarks.trainer"], "benchmarks.trainer"),
    ],
)
def test_gpus_that_are_not_there_are_one_line(
    tmp_path: Path, command: list[str], name: str
) -> None:
    ended = run(REPOSITORY, *command, "--device", "gpu", LOCKSTEP_FORBIDDEN="tensorflow", **HIDDEN)
    assert ended.returncode == 4
    assert ended.stdout.startswith(f"{name}: --device: got gpu, expected cpu")
    assert ended.stdout.count("\n") == 1
