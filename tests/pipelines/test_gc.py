"""`lockstep gc` after a week of use: what failed, killed and removed runs have left behind."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.week import (
    Week,
    assert_nothing_needed_is_gone,
    kinds,
    lockstep,
    plan,
    play,
)
from tests.support.workspaces import SMALL

pytestmark = pytest.mark.system


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred")  # of MLflow, at each load
def test_a_week_of_use(
    make_workspace: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    root = make_workspace(SMALL, "week")
    kept = play(root, tmp_path, Week(kept=3, removed=1, failed=1, killed=1))
    found = plan(root)
    assert kinds(found) == {
        "workspace": 2,
        "snapshots": 2,  # the diverged run's are an empty folder
        "lock files": 2,  # of trainings and of downloads that have ended
        "temporary folder": 1,
        "MLflow run of a removed experiment": 1,
        "interrupted upload": 1,
        "DVC's cache": 1,
    }
    assert found["bytes"] == sum(each["bytes"] for each in found["leftovers"]) > 10_000
    assert plan(root) == found  # it removes nothing
    lockstep(root, "gc")
    assert plan(root) == {"leftovers": [], "bytes": 0, "kept": []}
    assert_nothing_needed_is_gone(root, kept)
