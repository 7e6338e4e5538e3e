"""Each stage is killed before and after its renames; the same command then gives the same bytes."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.faults.invariants import assert_no_parts, md5_of
from tests.support.workspaces import run, run_stages

KILLED = -9


def killed(root: Path, *arguments: str | int | Path) -> int:
    """Run tests.faults.killed in a workspace; return its exit status."""
    command = [sys.executable, "-m", "tests.faults.killed", *map(str, arguments)]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, KILLED), ended.stderr
    return ended.returncode


def results(root: Path, stage: str) -> dict[str, str]:
    """The md5 of each of a stage's outputs."""
    graph = YAML(typ="safe").load(root / "dvc.yaml")["stages"][stage]
    entries = [each for kind in ("outs", "metrics", "plots") for each in graph.get(kind, [])]
    names = [each if isinstance(each, str) else next(iter(each)) for each in entries]
    return {name: md5_of(root / name) for name in names if (root / name).exists()}


def assert_equal(root: Path, golden: Path, stage: str) -> None:
    assert results(root, stage) == results(golden, stage) != {}
    assert_no_parts(root)


@pytest.mark.parametrize("when", ["before", "after"])
def test_download_and_normalize_at_each_rename(
    make_workspace: Callable[..., Path], tmp_path: Path, when: str
) -> None:
    root = make_workspace(name="killed")
    for stage in ("download", "normalize"):
        assert killed(root, when, "all", stage, tmp_path / stage) == 0
        run_stages(root, stage)
        roots = list((tmp_path / stage).iterdir())
        assert roots
        for each in roots:
            assert_equal(each, root, stage)


@pytest.mark.system
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("stage", ["build", "train", "evaluate"])
def test_a_stage_that_imports_tensorflow(
    prepared: Path, judged: Path, tmp_path: Path, stage: str, when: str, number: int
) -> None:
    before = judged if stage == "evaluate" else prepared
    root = Path(shutil.copytree(before, tmp_path / "lockstep"))
    assert killed(root, when, number, stage) == KILLED
    ended = run(root, sys.executable, "-m", "tasks", stage)
    assert ended.returncode == 0, ended.stdout
    assert_equal(root, judged, stage)
