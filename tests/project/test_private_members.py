"""Private members of libraries that two files use: after an upgrade this test fails first."""

import inspect
from typing import Any

import pytest
from dvc.stage import cache
from dvc.stage.cache import StageCache
from honcho import manager, process

SERVERS = "pipelines/servers/processes.py"
LOOK = "is gone, or takes other arguments: look at"


@pytest.mark.parametrize(
    ("owner", "name", "arguments", "file"),
    [
        (cache, "_can_hash", ["stage"], "lockstep/versioning/forecast.py"),
        (StageCache, "_load", ["self", "stage"], "lockstep/versioning/forecast.py"),
        (StageCache, "_load_cache", ["self", "key", "value"], "lockstep/versioning/run_cache.py"),
        (StageCache, "_get_cache_dir", ["self", "key"], "lockstep/versioning/run_cache.py"),
        (StageCache, "_create_stage", ["self", "cache", "wdir"], "lockstep/versioning/forecast.py"),
        (manager.Manager, "_start", ["self"], SERVERS),
        (manager.Manager, "_any_stopped", ["self"], SERVERS),
        (manager.Manager, "_all_started", ["self"], SERVERS),
        (manager.Manager, "terminate", ["self"], SERVERS),
        (process.Process, "run", ["self", "events", "ignore_signals"], SERVERS),
    ],
)  # fmt: skip
def test_the_members_exist(owner: Any, name: str, arguments: list[str], file: str) -> None:
    found = getattr(owner, name, None)
    assert found, f"{owner.__name__}.{name} {LOOK} {file}"
    assert list(inspect.signature(found).parameters) == arguments, f"{name} {LOOK} {file}"


def test_honcho_has_the_state_that_we_use() -> None:
    for made, name in (
        (manager.Manager(), "_terminating"),
        (manager.Manager(), "_processes"),
        (manager.Manager(), "_process_ctor"),
        (process.Process("true"), "_child_ctor"),
    ):
        assert hasattr(made, name), f"{name} {LOOK} {SERVERS}"
    assert hasattr(manager, "KILL_WAIT"), f"KILL_WAIT {LOOK} {SERVERS}"
