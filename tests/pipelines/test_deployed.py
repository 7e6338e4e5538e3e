"""Plain `prefect deploy` and `prefect worker start` find a project that isn't installed."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support.prefect_worker import worker  # noqa: F401  # a fixture
from tests.support.served import FINAL
from tests.support.waiting import until
from tests.support.workspaces import SMALL, git, run

pytestmark = pytest.mark.system


def test_a_run_uses_the_project_that_was_deployed(
    make_workspace: Callable[..., Path],
    server: str,
    worker: Path,  # noqa: F811
) -> None:
    root = make_workspace(SMALL, "deployed", until="normalize")
    for name in ("lockstep/data/checks.py", "tasks/download.py", "pipelines/deployed.py"):
        file = root / name
        file.write_text(f'{file.read_text()}\n\nprint(f"code of {{__file__}}")\n')
    git(root, "commit", "-qam", "Say so")
    deployed = run(root, "prefect", "deploy", "--all", PREFECT_API_URL=server)
    assert deployed.returncode == 0, deployed.stdout
    created = run(root, "prefect", "deployment", "run", "experiment/manual", PREFECT_API_URL=server)
    (sought,) = re.findall(r"UUID: (\S+)", created.stdout)

    def state() -> str:
        return str(httpx.get(f"{server}/flow_runs/{sought}", timeout=30).json()["state_type"])

    until(lambda: state() in FINAL, 240)
    assert state() == "COMPLETED", worker.read_text()
    # Flow, stage and engine come from the run's workspace.
    found = re.findall(r"code of (\S+)", worker.read_text())
    workspaces = root / ".lockstep" / "workspaces"
    assert len(set(found)) == 3
    assert all(Path(name).is_relative_to(workspaces) for name in found), found
    ended = httpx.get(f"{server}/flow_runs/{sought}").json()
    assert "saved as unchanged-" in ended["state"]["message"]
    assert re.fullmatch(r"digits \w+ [0-9a-f]{7}", ended["name"])
