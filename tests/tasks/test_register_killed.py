"""A registration that was killed after any of its steps is repeated: one version, one champion."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockstep.tracking.client import connect
from lockstep.versioning import promotions
from tests.support.kill_points import POINTS
from tests.support.workspaces import SMALL, change_params, run, run_stages

pytestmark = pytest.mark.system
RETRAINED = ("train", "evaluate")


@pytest.fixture(scope="module")
def challenger(make_workspace: Callable[..., Path], tensorflow: Any) -> Path:
    """A poor champion, and a better model that is evaluated but not registered."""
    gate = {"register.threshold": None, "train.learning_rate": 1e-6}
    root = run_stages(make_workspace({**SMALL, **gate}, "killed"))
    change_params(root, {"train.learning_rate": 0.01, "register.smoke_test": True})
    return run_stages(root, *RETRAINED)


def versions(root: Path) -> list[Any]:
    return list(connect(root)[0].search_model_versions("name = 'digits'"))


def leader(root: Path) -> str:
    return str(connect(root)[0].get_model_version_by_alias("digits", "champion").version)


def check(root: Path) -> None:
    """Both versions are whole, the better one leads, and each move is recorded once."""
    found, model = versions(root), connect(root)[0].get_registered_model("digits")
    assert sorted(str(each.version) for each in found) == ["1", "2"]
    assert all("passport.sha256" in each.tags for each in found)
    assert {name: str(each) for name, each in model.aliases.items()} == {"champion": "2"}
    assert model.tags["champions"] == "1,2"
    moves = promotions.moves(root)
    assert [(each.before, each.version) for each in moves] == [("", "1"), ("1", "2")]


def test_each_repetition_goes_on_where_the_last_was_killed(challenger: Path) -> None:
    for point in POINTS:
        assert leader(challenger) == "1", point
        ended = run(
            challenger, sys.executable, "-m", "tests.support.kill_points", point, "register"
        )
        assert ended.returncode == -9, f"{point}: {ended.stdout}"
        assert len(versions(challenger)) <= 2, point
    assert leader(challenger) == "2"
    ended = run(challenger, sys.executable, "-m", "tasks", "register")
    assert ended.returncode == 0, ended.stdout
    check(challenger)
